# Confident labels of QA-CLIMS's maps, which IRN learns from; the loader's workers do the work
_base_ = [
    '../_base_/plugin.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/miniworld.py',
]
work_dir = 'work_dirs/miniworld/ir_label'
model = dict(type='PassThrough')
test_dataloader = dict(
    num_workers=2,
    dataset=dict(
        indices=300,
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadCAMs', cams='{work_dir}/../qa_clims/cams'),
            dict(type='MakeIRLabel', conf_fg=0.3, conf_bg=0.05),
            dict(type='PackWeakInputs'),
        ],
    ),
)
test_evaluator = [dict(type='IRLabelWriter', out_dir='{work_dir}/ir_labels')]
