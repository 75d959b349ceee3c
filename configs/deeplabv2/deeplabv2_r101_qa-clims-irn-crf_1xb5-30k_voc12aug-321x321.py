# Tested with a dense CRF, on all cores
_base_ = './deeplabv2_r101_qa-clims-irn_1xb5-30k_voc12aug-321x321.py'
work_dir = f'{_base_.root}/segment_crf'
test_evaluator = [dict(type='CRFIoUMetric', iou_metrics=['mIoU'])]
