# The labels as prompts of SAM 3, to compare with: nothing is trained, but SAM 3 has seen masks
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/voc12_weak.py',
    '../_base_/models/prompted_sam3.py',
]
work_dir = f'{_base_.root}/prompted'
threshold = 0.5  # of the masks' background
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask'),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ],
    )
)
test_evaluator = [
    dict(type='PseudoMaskWriter', maps='cam_high_res', threshold=threshold),
    dict(type='CAMMetric', report_at=threshold),
]
