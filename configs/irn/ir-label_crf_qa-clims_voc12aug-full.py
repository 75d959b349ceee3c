# Confident labels of QA-CLIMS's maps, which IRN learns from; the loader's workers do the work
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/voc12_weak.py',
]
work_dir = f'{_base_.root}/ir_label'
cams = f'{_base_.root}/qa_clims_export/cams'
conf_fg = 0.3
conf_bg = 0.05  # IRN's
model = dict(type='PassThrough')
test_dataloader = dict(
    batch_size=4,
    num_workers=8,
    dataset=dict(
        ann_file='ImageSets/Segmentation/trainaug.txt',
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadCAMs', cams=cams),
            dict(type='MakeIRLabel', conf_fg=conf_fg, conf_bg=conf_bg),
            dict(type='PackWeakInputs'),
        ],
    ),
)
test_evaluator = [dict(type='IRLabelWriter')]
