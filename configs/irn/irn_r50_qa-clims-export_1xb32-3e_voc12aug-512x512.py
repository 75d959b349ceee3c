# From which segmentors learn
_base_ = [
    './irn_r50_qa-clims_1xb32-3e_voc12aug-512x512.py',
    '../_base_/datasets/voc12_export.py',
]
work_dir = 'work_dirs/voc12/irn_export'
test_dataloader = dict(dataset=_base_.export_masks)
test_evaluator = [dict(type='PseudoMaskWriter', out_dir='{work_dir}/pseudo_masks', threshold=0.25)]
