# VOC's test images, whose masks and labels are secret, and the zip file that its server takes
_keys = ('image_id', 'img_path', 'ori_shape', 'img_shape', 'pad_shape', 'flip', 'flip_direction')
_pack = dict(type='PackSegInputs', meta_keys=_keys)
_server_load = dict(
    type='LoadImageFromFile', imdecode_backend='pillow', color_type='color_ignore_orientation'
)
server_dataset = dict(
    ann_file='ImageSets/Segmentation/test.txt',
    labelled=False,
    pipeline=[_server_load, _pack],
)
server_tta_pipeline = [
    _server_load,
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='Resize', scale_factor=s, keep_ratio=True)
                for s in (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
            ],
            [dict(type='RandomFlip', prob=p, direction='horizontal') for p in (0.0, 1.0)],
            [_pack],
        ],
    ),
]
server_evaluator = [
    dict(
        type='SegMaskWriter',
        zip_folder='results/VOC2012/Segmentation/comp6_test_cls',
    )
]
