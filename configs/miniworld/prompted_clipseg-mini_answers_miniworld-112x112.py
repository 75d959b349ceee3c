# The labels and the fine-grained answers of QAPE as prompts of MiniWorld's CLIPSeg
_base_ = './prompted_clipseg-mini_labels_miniworld-112x112.py'
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
