# The labels and the fine-grained answers of QAPE as prompts of SAM 3
_base_ = './prompted_sam3_labels_voc12aug-full.py'
work_dir = f'{_base_.root}/prompted_answers'
model = dict(prompting=dict(foreground_answers=True, merge='noisy_or'))
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask'),
            dict(type='LoadAnswers', corpus=f'{_base_.root}/qape/corpus'),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ],
    )
)
