# The baseline's maps refined by the colours of the picture, to compare with QA-CLIMS's
_base_ = './par_qa-clims_miniworld-112x112.py'
work_dir = f'{_base_.root}/cam_par'
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask'),
            dict(type='LoadCAMs', cams=f'{_base_.root}/cam_maps/cams'),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ],
    )
)
