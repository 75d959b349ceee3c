# MS COCO 2014: the 82081 images of train2014 and the 40137 of val2014 that have a label, as in the
# paper; qaclims prepare-coco makes the tables of labels and the masks
coco14_train = dict(
    type='COCO14WeakDataset',
    data_root='data/coco2014',
    ann_file='image_labels/train2014.csv',
    labels_file=None,  # whatever VOC's configs say
    data_prefix=dict(img_path='train2014', seg_map_path='mask/train2014'),
    filter_cfg=dict(filter_empty_gt=True),
)
coco14_val = dict(
    type='COCO14WeakDataset',
    data_root='data/coco2014',
    ann_file='image_labels/val2014.csv',
    labels_file=None,
    data_prefix=dict(img_path='val2014', seg_map_path='mask/val2014'),
    filter_cfg=dict(filter_empty_gt=True),
)
