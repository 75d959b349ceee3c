# Masks of VOC's test images and the zip file that its server takes
_base_ = './deeplabv2_r101_qa-clims-irn_1xb5-30k_voc12aug-321x321.py'
test_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Segmentation/test.txt',
        labelled=False,
        strict=False,
        pipeline=[
            dict(type='LoadBGRImage'),
            dict(
                type='PackSegInputs',
                meta_keys=('image_id', 'img_path', 'ori_shape', 'img_shape', 'pad_shape'),
            ),
        ],
    )
)
test_evaluator = [
    dict(
        type='SegMaskWriter',
        out_dir='{work_dir}/predictions',
        zip_folder='results/VOC2012/Segmentation/comp6_test_cls',
    )
]
