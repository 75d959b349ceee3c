data_root = 'data/miniworld'
# no workers: to pass a picture of 112 px between processes takes longer than to read it
train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackWeakInputs'),
]
# mIoU of the maps is taken on the training images, as in the paper
test_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='LoadMask'),
    dict(type='PackWeakInputs', scales=(1.0, 0.5, 1.5)),
]
# qaclims train --auto-scale-lr: images a step for which learning rates are
auto_scale_lr = dict(base_batch_size=16)
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    drop_last=True,
    sampler=dict(type='SeededSampler', shuffle=True),
    collate_fn=dict(type='list_collate'),
    dataset=dict(
        type='MiniWorldDataset',
        data_root=data_root,
        ann_file='ImageSets/Segmentation/train.txt',
        pipeline=train_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='ShardSampler'),
    batch_sampler=dict(type='ShardBatchSampler'),
    collate_fn=dict(type='list_collate'),
    dataset=dict(
        type='MiniWorldDataset',
        data_root=data_root,
        ann_file='ImageSets/Segmentation/train.txt',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_cfg = dict(type='TestLoop')
