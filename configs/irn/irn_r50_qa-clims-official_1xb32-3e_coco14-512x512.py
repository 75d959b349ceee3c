_base_ = [
    './irn_r50_qa-clims-official_1xb32-3e_voc12aug-512x512.py',
    '../_base_/datasets/coco14.py',
]
train_dataloader = dict(dataset=_base_.coco14_train)
test_dataloader = dict(
    dataset=dict(
        **_base_.coco14_train,
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask'),
            dict(type='LoadCAMs', cams=f'{_base_.root}/qa_clims_maps/cams', full_size=False),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ],
    )
)
