# WeCLIP as a segmentor: its masks of val, which need no labels
_base_ = './weclip_clip-vitb16_1xb4-30k_voc12aug-320x320.py'
work_dir = f'{_base_.root}/weclip_val'
model = dict(with_maps=False)
test_dataloader = dict(dataset=dict(ann_file='ImageSets/Segmentation/val.txt', strict=True))
test_cfg = dict(type='SegTestLoop')
test_evaluator = [
    dict(type='IoUMetric', iou_metrics=['mIoU'], prefix='seg'),
    dict(type='SegMaskWriter'),
]
