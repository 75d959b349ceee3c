# WeCLIP as a segmentor on MiniWorld: its masks of the 300 other pictures, which need no labels
_base_ = './weclip_clip-mini_1xb16-3e_miniworld-112x112.py'
work_dir = f'{_base_.root}/weclip_val'
model = dict(with_maps=False)
test_dataloader = dict(
    dataset=dict(ann_file='ImageSets/Segmentation/val.txt', indices=None, strict=True)
)
test_cfg = dict(type='SegTestLoop')
test_evaluator = [
    dict(type='IoUMetric', iou_metrics=['mIoU'], prefix='seg'),
    dict(type='SegMaskWriter'),
]
