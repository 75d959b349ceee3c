# WeCLIP as a segmentor on COCO: its masks of val
_base_ = './weclip_clip-vitb16_1xb4-80k_coco14-320x320.py'
work_dir = f'{_base_.root}/weclip_val'
model = dict(with_maps=False)
test_dataloader = dict(dataset=dict(**_base_.coco14_val, strict=True))
test_cfg = dict(type='SegTestLoop')
test_evaluator = [
    dict(type='IoUMetric', iou_metrics=['mIoU'], prefix='seg'),
    dict(type='SegMaskWriter'),
]
