# Masks of VOC's test images and the zip file that its server takes
_base_ = [
    './deeplabv1_wr38_qa-clims-irn_1xb6-30k_voc12aug-512x512.py',
    '../_base_/datasets/voc12_server.py',
]
work_dir = f'{_base_.root}/segment_deeplabv1_server'
test_dataloader = dict(dataset=_base_.server_dataset)
tta_pipeline = _base_.server_tta_pipeline
test_evaluator = _base_.server_evaluator
