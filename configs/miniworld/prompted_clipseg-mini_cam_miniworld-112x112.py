# The baseline's maps fused with the masks of MiniWorld's CLIPSeg, to compare with QA-CLIMS's
_base_ = './prompted_clipseg-mini_qa-clims_miniworld-112x112.py'
work_dir = f'{_base_.root}/cam_prompted_maps'
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask'),
            dict(type='LoadCAMs', cams=f'{_base_.root}/cam_maps/cams'),
            dict(type='LoadAnswers', corpus=f'{_base_.root}/qape/corpus'),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ],
    )
)
