# The labels as prompts of MiniWorld's CLIPSeg, which has been trained with masks
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root_miniworld.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/miniworld.py',
    '../_base_/models/prompted_clipseg-mini.py',
]
work_dir = f'{_base_.root}/prompted'
threshold = 0.5  # of the masks' background
test_dataloader = dict(
    dataset=dict(
        indices=300,
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
