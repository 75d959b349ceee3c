# QA-CLIMS's maps fused with the masks of SAM 3, in place of IRN; the background answers of QAPE are
# negative prompts. Masks of all 10582 images; the 1464 with ground truth are scored.
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/voc12_weak.py',
    '../_base_/models/prompted_sam3.py',
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
        ann_file='ImageSets/Segmentation/trainaug.txt',
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask', optional=True),
            dict(type='LoadCAMs', cams=f'{_base_.root}/qa_clims_export/cams'),
            dict(type='LoadAnswers', corpus=f'{_base_.root}/qape/corpus'),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ],
    )
)
test_evaluator = [
    dict(type='PseudoMaskWriter', threshold=threshold),
    dict(type='CAMMetric', optional=True, report_at=threshold, maps='refined_maps', prefix='mask'),
]
