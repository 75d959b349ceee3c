# Preset official: the released code's threshold of the background
_base_ = './ir-label_crf_qa-clims_voc12aug-full.py'
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadCAMs', cams=_base_.cams),
            dict(type='MakeIRLabel', conf_fg=0.3, conf_bg=0.1),
            dict(type='PackWeakInputs'),
        ],
    ),
)
