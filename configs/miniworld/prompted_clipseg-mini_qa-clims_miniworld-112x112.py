# QA-CLIMS's maps fused with the masks of MiniWorld's CLIPSeg; background answers are negative
# prompts
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root_miniworld.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/miniworld.py',
    '../_base_/models/prompted_clipseg-mini.py',
]
work_dir = f'{_base_.root}/prompted_maps'
threshold = 0.35  # of the masks' background
model = dict(
    type='PromptedRefiner',
    prompting=dict(foreground_answers=True, background_answers=True, merge='noisy_or'),
    weight=0.7,  # of the masks
)
test_dataloader = dict(
    dataset=dict(
        indices=300,
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask'),
            dict(type='LoadCAMs', cams=f'{_base_.root}/qa_clims_maps/cams'),
            dict(type='LoadAnswers', corpus=f'{_base_.root}/qape/corpus'),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ],
    )
)
test_evaluator = [
    dict(type='PseudoMaskWriter', threshold=threshold),
    dict(type='CAMMetric', report_at=threshold, maps='refined_maps', prefix='mask'),
]
