# From which IRN learns
_base_ = [
    './qa-clims_r50_clip-vitl14-mask_2xb4-15e_voc12aug-512x512.py',
    '../_base_/datasets/voc12_export.py',
]
work_dir = 'work_dirs/voc12/qa_clims_export'
test_dataloader = dict(dataset=_base_.export_maps)
test_evaluator = [dict(type='CAMWriter', out_dir='{work_dir}/cams')]
