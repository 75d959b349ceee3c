# Tested with a dense CRF, on all cores; its author's settings
_base_ = './deeplabv1_wr38_qa-clims-irn_1xb6-30k_voc12aug-512x512.py'
work_dir = f'{_base_.root}/segment_deeplabv1_crf'
crf = dict(
    steps=1,
    gaussian_xy=3,
    gaussian_weight=3,
    bilateral_xy=32,
    bilateral_rgb=13,
    bilateral_weight=10,
)
test_evaluator = [dict(type='CRFIoUMetric', iou_metrics=['mIoU'], crf=crf)]
