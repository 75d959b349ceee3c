# QA-CLIMS's maps refined by the colours of the picture alone, in place of IRN: nothing is trained.
# Masks of all 10582 images; the 1464 with ground truth are scored.
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/voc12_weak.py',
]
work_dir = f'{_base_.root}/par'
threshold = 0.25  # of the masks' background
model = dict(type='PARRefiner', steps=10, normalise='image')
test_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Segmentation/trainaug.txt',
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask', optional=True),
            dict(type='LoadCAMs', cams=f'{_base_.root}/qa_clims_export/cams'),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ],
    )
)
test_evaluator = [
    dict(type='PseudoMaskWriter', threshold=threshold),
    dict(
        type='CAMMetric',
        optional=True,
        report_at=threshold,
        maps='refined_maps',
        prefix='mask',
    ),
]
