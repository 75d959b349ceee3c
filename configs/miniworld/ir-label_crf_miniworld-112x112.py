# Confident labels of QA-CLIMS's maps, which IRN learns from; the loader's workers do the work
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root_miniworld.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/miniworld.py',
]
work_dir = f'{_base_.root}/ir_label'
model = dict(type='PassThrough')
test_dataloader = dict(
    num_workers=2,
    dataset=dict(
        indices=300,
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadCAMs', cams=f'{_base_.root}/qa_clims_maps/cams'),
            dict(type='MakeIRLabel', conf_fg=0.3, conf_bg=0.05),
            dict(type='PackWeakInputs'),
        ],
    ),
)
test_evaluator = [dict(type='IRLabelWriter')]
