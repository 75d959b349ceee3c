# IRN on the baseline's maps, to compare with QA-CLIMS's
_base_ = './irn_r18-mini_1xb16-10e_miniworld-112x112.py'
work_dir = f'{_base_.root}/cam_irn'
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask', masks=f'{_base_.root}/cam_ir_label/ir_labels'),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackWeakInputs'),
        ],
    )
)
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask'),
            dict(type='LoadCAMs', cams=f'{_base_.root}/cam_maps/cams', full_size=False),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ],
    )
)
