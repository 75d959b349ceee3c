# Confident labels of QA-CLIMS's maps, which IRN learns from: qaclims ir-label
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root.py',
    '../_base_/datasets/voc12_weak.py',
]
work_dir = f'{_base_.root}/ir_label'
ir_label = dict(
    cams=f'{_base_.root}/qa_clims_export/cams',
    conf_fg=0.3,
    conf_bg=0.05,  # IRN's
)
test_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Segmentation/trainaug.txt',
        pipeline=[dict(type='LoadRGBImage')],
    ),
)
