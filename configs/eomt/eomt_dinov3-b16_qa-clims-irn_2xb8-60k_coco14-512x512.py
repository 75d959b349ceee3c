_base_ = [
    '../_base_/plugin.py',
    '../_base_/root.py',
    '../_base_/runtime_iters.py',
    '../_base_/datasets/voc12_segment.py',
    '../_base_/datasets/coco14.py',
    '../_base_/models/eomt_dinov3-b16.py',
    '../_base_/schedules/segment-eomt-30k.py',
]
work_dir = f'{_base_.root}/segment_eomt-b16'
iterations = 60000  # 11.7 passes over 82081 images
model = dict(data_preprocessor=dict(size=(512, 512)), decode_head=dict(num_classes=81))
train_dataloader = dict(
    batch_size=8,
    dataset=dict(
        **_base_.coco14_train,
        pipeline=[
            dict(type='LoadBGRImage'),
            dict(
                type='LoadMask',
                masks=f'{_base_.root}/{_base_.masks_by or "irn_masks"}/pseudo_masks',
                corrected=f'{_base_.root}/corrected',
            ),
            dict(type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True),
            dict(type='RandomCrop', crop_size=(512, 512), cat_max_ratio=0.75),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PhotoMetricDistortion'),
            dict(type='PackSegInputs'),
        ],
    ),
)
test_dataloader = dict(dataset=_base_.coco14_val)
val_dataloader = dict(dataset=_base_.coco14_val)
train_cfg = dict(max_iters=iterations)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=1500),
    dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False, begin=1500, end=iterations),
]
