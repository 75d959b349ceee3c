# Preset official: the released code's threshold of the background
_base_ = './ir-label_crf_qa-clims_voc12aug-full.py'
cams = '{work_dir}/../qa-clims_r50_clip-vitl14-mask-official-export_2xb4-15e_voc12aug-512x512/cams'
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadCAMs', cams=cams),
            dict(type='MakeIRLabel', conf_fg=0.3, conf_bg=0.1),
            dict(type='PackWeakInputs', num_classes=20),
        ],
    ),
)
