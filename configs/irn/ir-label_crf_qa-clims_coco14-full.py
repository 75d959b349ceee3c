_base_ = ['./ir-label_crf_qa-clims_voc12aug-full.py', '../_base_/datasets/coco14.py']
test_dataloader = dict(
    dataset=dict(
        **_base_.coco14_train,
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadCAMs', cams=f'{_base_.root}/qa_clims_maps/cams'),
            dict(type='MakeIRLabel', conf_fg=0.3, conf_bg=0.05),
            dict(type='PackWeakInputs'),
        ],
    )
)
