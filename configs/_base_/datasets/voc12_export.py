# Files of all 10582 images that are trained on; they have no true masks, so there is no mIoU
export_maps = dict(
    ann_file='ImageSets/Segmentation/trainaug.txt',
    pipeline=[
        dict(type='LoadRGBImage'),
        dict(type='PackWeakInputs', scales=(1.0, 0.5, 1.5, 2.0)),
    ],
)
export_masks = dict(
    ann_file='ImageSets/Segmentation/trainaug.txt',
    pipeline=[
        dict(type='LoadRGBImage'),
        dict(type='LoadCAMs', cams='{cams}'),
        dict(type='PackWeakInputs', scales=(1.0,)),
    ],
)
