_base_ = ['./par_qa-clims_voc12aug-full.py', '../_base_/datasets/coco14.py']
test_dataloader = dict(
    dataset=dict(
        **_base_.coco14_train,
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask'),
            dict(type='LoadCAMs', cams=f'{_base_.root}/qa_clims_maps/cams'),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ],
    )
)
