# QA-CLIMS's maps refined by the colours of the picture alone, in place of IRN: nothing is trained
_base_ = [
    '../_base_/plugin.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/miniworld.py',
]
threshold = 0.25  # of the masks' background
work_dir = 'work_dirs/miniworld/par'
# pictures of a quarter of VOC's side, so the neighbours lie a quarter as far
model = dict(type='PARRefiner', steps=10, dilations=(1, 2, 3, 6), normalise='image')
test_dataloader = dict(
    dataset=dict(
        indices=300,
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask'),
            dict(type='LoadCAMs', cams='{work_dir}/../qa_clims/cams'),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ],
    )
)
test_evaluator = [
    dict(type='PseudoMaskWriter', out_dir='{work_dir}/pseudo_masks', threshold=threshold),
    dict(
        type='CAMMetric',
        out_file='{work_dir}/curve.json',
        journal='{work_dir}/journal',
        report_at=threshold,
        prefix='mask',
    ),
]
