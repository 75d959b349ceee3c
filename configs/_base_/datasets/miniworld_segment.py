# What segmentors train on and are judged by: BGR as mmseg takes it, masks of the validation images.
# A leaf names the folder of the masks to train on.
data_root = 'data/miniworld'
# by its id an image's prediction is named
_keys = ('image_id', 'img_path', 'ori_shape', 'img_shape', 'pad_shape', 'flip', 'flip_direction')
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='SeededSampler', shuffle=True),
    collate_fn=dict(type='list_collate'),
    dataset=dict(
        type='MiniWorldDataset',
        data_root=data_root,
        ann_file='ImageSets/Segmentation/train.txt',
        pipeline=[
            dict(type='LoadBGRImage'),
            dict(type='LoadMask'),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs'),
        ],
    ),
)
test_dataloader = dict(
    batch_size=16,
    num_workers=1,
    sampler=dict(type='ShardSampler'),
    batch_sampler=dict(type='ShardBatchSampler'),
    collate_fn=dict(type='list_collate'),
    dataset=dict(
        type='MiniWorldDataset',
        data_root=data_root,
        ann_file='ImageSets/Segmentation/val.txt',
        pipeline=[
            dict(type='LoadBGRImage'),
            dict(type='LoadMask'),
            dict(type='PackSegInputs', meta_keys=_keys),
        ],
        test_mode=True,
        # a number over fewer images would be another number
        strict=True,
    ),
)
test_cfg = dict(type='SegTestLoop')
test_evaluator = [
    dict(type='IoUMetric', iou_metrics=['mIoU'], prefix='seg'),
    dict(type='SegMaskWriter'),
]
