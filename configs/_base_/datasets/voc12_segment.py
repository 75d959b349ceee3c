# What segmentors train on and are judged by: BGR as mmseg takes it; the pseudo masks of the 10582
# images of trainaug, whose folder a leaf names, and the ground truth of the 1449 of val
import os

data_root = 'data/VOCdevkit/VOC2012'
# Table of labels below data_root in place of Annotations/*.xml, set by labels_file of a plan
_labels = dict(labels_file=os.environ['QACLIMS_LABELS']) if os.environ.get('QACLIMS_LABELS') else {}
# qaclims train --auto-scale-lr: images a step of mmseg's recipes, 2 x 8
auto_scale_lr = dict(base_batch_size=16)
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
        pipeline=[
            dict(type='LoadBGRImage'),
            dict(type='LoadMask'),
            dict(type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True),
            dict(type='RandomCrop', crop_size=(512, 512), cat_max_ratio=0.75),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PhotoMetricDistortion'),
            dict(type='PackSegInputs'),
        ],
    ),
)
# Begins as mmseg's tools ask for: their inferencer puts its own loading in the place of this one.
# Decoded by Pillow and not turned, the pixels are those of LoadBGRImage.
_load = dict(
    type='LoadImageFromFile', imdecode_backend='pillow', color_type='color_ignore_orientation'
)
test_pipeline = [_load, dict(type='LoadMask'), dict(type='PackSegInputs')]
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    sampler=dict(type='ShardSampler'),
    batch_sampler=dict(type='ShardBatchSampler'),
    dataset=dict(
        type='VOC12WeakDataset',
        data_root=data_root,
        **_labels,
        ann_file='ImageSets/Segmentation/val.txt',
        pipeline=test_pipeline,
        test_mode=True,
        # a number over fewer images would be another number
        strict=True,
    ),
)
test_cfg = dict(type='SegTestLoop')
test_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'], prefix='seg')
# Validation while training: qaclims train does it where train_cfg.val_interval is reached, mmseg's
# tools do it after the last iteration too
val_dataloader = test_dataloader
val_cfg = dict(type='ValLoop')
val_evaluator = test_evaluator
# qaclims test ... --tta
tta_model = dict(type='MeanProbabilityTTA')
tta_pipeline = [
    _load,
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='Resize', scale_factor=s, keep_ratio=True)
                for s in (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
            ],
            [dict(type='RandomFlip', prob=p, direction='horizontal') for p in (0.0, 1.0)],
            [dict(type='LoadMask')],
            [dict(type='PackSegInputs')],
        ],
    ),
]
# no key of the config
del _labels
