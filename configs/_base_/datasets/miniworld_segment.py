# What segmentors train on and are judged by: BGR as mmseg takes it, masks of the validation images.
# A leaf names the folder of the masks to train on.
data_root = 'data/miniworld'
# no workers: to pass a picture of 112 px between processes takes longer than to read it
# by its id an image's prediction is named
_keys = ('image_id', 'img_path', 'ori_shape', 'img_shape', 'pad_shape', 'flip', 'flip_direction')
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
        pipeline=[
            dict(type='LoadBGRImage'),
            dict(type='LoadMask'),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs'),
        ],
    ),
)
# Begins as mmseg's tools ask for: their inferencer puts its own loading in the place of this one.
# Decoded by Pillow and not turned, the pixels are those of LoadBGRImage.
test_pipeline = [
    dict(
        type='LoadImageFromFile',
        imdecode_backend='pillow',
        color_type='color_ignore_orientation',
    ),
    dict(type='LoadMask'),
    dict(type='PackSegInputs', meta_keys=_keys),
]
test_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type='ShardSampler'),
    batch_sampler=dict(type='ShardBatchSampler'),
    dataset=dict(
        type='MiniWorldDataset',
        data_root=data_root,
        ann_file='ImageSets/Segmentation/val.txt',
        pipeline=test_pipeline,
        test_mode=True,
        # a number over fewer images would be another number
        strict=True,
    ),
)
test_cfg = dict(type='SegTestLoop')
test_evaluator = dict(
    type='SegEvaluator',
    metrics=[
        dict(type='IoUMetric', iou_metrics=['mIoU'], prefix='seg'),
        dict(type='SegMaskWriter'),
    ],
)
# Validation while training: qaclims train does it where train_cfg.val_interval is reached, mmseg's
# tools do it after the last epoch too
val_dataloader = test_dataloader
val_cfg = dict(type='ValLoop')
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'], prefix='seg')
