# VOC 2012: training on the 10582 images of trainaug, maps and their mIoU on the 1464 of train, as
# in the paper. Labels come from Annotations/*.xml, or from the labels_file of a plan.
import os

crop_size = 512  # px
data_root = 'data/VOCdevkit/VOC2012'
# Table of labels below data_root in place of Annotations/*.xml, set by labels_file of a plan
_labels = dict(labels_file=os.environ['QACLIMS_LABELS']) if os.environ.get('QACLIMS_LABELS') else {}
train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='RandomResizeLongSide', min_side=320, max_side=640),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomCropPad', size=crop_size),
    dict(type='PackWeakInputs'),
]
test_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='LoadMask'),
    dict(type='PackWeakInputs', scales=(1.0, 0.5, 1.5, 2.0)),
]
# qaclims train --auto-scale-lr: images a step for which learning rates are, 2 x 4
auto_scale_lr = dict(base_batch_size=8)
train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='SeededSampler', shuffle=True),
    collate_fn=dict(type='list_collate'),
    dataset=dict(
        type='VOC12WeakDataset',
        data_root=data_root,
        **_labels,
        ann_file='ImageSets/Segmentation/trainaug.txt',
        pipeline=train_pipeline,
    ),
)
test_dataloader = dict(
    # those of equal size go through the network together, about half as many calls on VOC
    batch_size=16,
    num_workers=4,
    sampler=dict(type='ShardSampler'),
    batch_sampler=dict(type='ShardBatchSampler'),
    collate_fn=dict(type='list_collate'),
    dataset=dict(
        type='VOC12WeakDataset',
        data_root=data_root,
        **_labels,
        ann_file='ImageSets/Segmentation/train.txt',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_cfg = dict(type='TestLoop')
# no key of the config
del _labels
