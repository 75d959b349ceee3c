# QA-CLIMS's maps refined by the colours of the picture alone, in place of IRN: nothing is trained
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root_miniworld.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/miniworld.py',
]
threshold = 0.25  # of the masks' background
work_dir = f'{_base_.root}/par'
# pictures of a quarter of VOC's side, so the neighbours lie a quarter as far
model = dict(type='PARRefiner', steps=10, dilations=(1, 2, 3, 6), normalise='image')
test_dataloader = dict(
    dataset=dict(
        indices=300,
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask'),
            dict(type='LoadCAMs', cams=f'{_base_.root}/qa_clims_maps/cams'),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ],
    )
)
test_evaluator = [
    dict(type='PseudoMaskWriter', threshold=threshold),
    dict(
        type='CAMMetric',
        report_at=threshold,
        maps='refined_maps',
        prefix='mask',
    ),
]
