# Preset official: the released code's threshold of the background
_base_ = './ir-label_crf_qa-clims_voc12aug-full.py'
work_dir = 'work_dirs/voc12-official/ir_label'
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadCAMs', cams='{cams}'),
            dict(type='MakeIRLabel', conf_fg=0.3, conf_bg=0.1),
            dict(type='PackWeakInputs'),
        ],
    ),
)
