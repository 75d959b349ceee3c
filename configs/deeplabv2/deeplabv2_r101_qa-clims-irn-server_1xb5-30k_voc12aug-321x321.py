# Masks of VOC's test images and the zip file that its server takes
_base_ = './deeplabv2_r101_qa-clims-irn_1xb5-30k_voc12aug-321x321.py'
keys = ('image_id', 'img_path', 'ori_shape', 'img_shape', 'pad_shape', 'flip', 'flip_direction')
test_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Segmentation/test.txt',
        labelled=False,
        pipeline=[dict(type='LoadBGRImage'), dict(type='PackSegInputs', meta_keys=keys)],
    )
)
tta_pipeline = [
    dict(type='LoadBGRImage'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='Resize', scale_factor=s, keep_ratio=True)
                for s in (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
            ],
            [dict(type='RandomFlip', prob=p, direction='horizontal') for p in (0.0, 1.0)],
            [dict(type='PackSegInputs', meta_keys=keys)],
        ],
    ),
]
test_evaluator = [
    dict(
        type='SegMaskWriter',
        out_dir='{work_dir}/predictions',
        zip_folder='results/VOC2012/Segmentation/comp6_test_cls',
    )
]
