# QA-CLIMS's maps on COCO fused with the masks of SAM 3
_base_ = ['./prompted_sam3_qa-clims_voc12aug-full.py', '../_base_/datasets/coco14.py']
test_dataloader = dict(
    dataset=dict(
        **_base_.coco14_train,
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask'),
            dict(type='LoadCAMs', cams=f'{_base_.root}/qa_clims_maps/cams'),
            dict(type='LoadAnswers', corpus=f'{_base_.root}/qape/corpus'),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ],
    )
)
