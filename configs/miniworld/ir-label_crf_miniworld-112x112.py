# Confident labels of QA-CLIMS's maps, which IRN learns from: qaclims ir-label
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root_miniworld.py',
    '../_base_/datasets/miniworld.py',
]
work_dir = f'{_base_.root}/ir_label'
ir_label = dict(cams=f'{_base_.root}/qa_clims_maps/cams', conf_fg=0.3, conf_bg=0.05)
test_dataloader = dict(dataset=dict(indices=300, pipeline=[dict(type='LoadRGBImage')]))
