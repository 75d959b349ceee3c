# WeCLIP on COCO: more iterations, tighter boxes and more blocks to choose from
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root.py',
    '../_base_/runtime_iters.py',
    '../_base_/datasets/voc12_weak.py',
    '../_base_/datasets/coco14.py',
    '../_base_/classes/coco14.py',
    '../_base_/texts/coco14.py',
    '../_base_/models/weclip_clip-vitb16.py',
    '../_base_/schedules/weclip-adamw-30k.py',
]
work_dir = f'{_base_.root}/weclip'
batch_size = 4
iterations = 80000
model = dict(
    class_names=_base_.coco14_classes,
    **_base_.coco14_texts,
    decode_head=dict(num_classes=81),
    refined_blocks=10,
    box_threshold=0.7,
)
auto_scale_lr = dict(base_batch_size=batch_size)
train_dataloader = dict(
    batch_size=batch_size,
    dataset=dict(
        **_base_.coco14_train,
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='RandomScale', min_factor=0.5, max_factor=2.0),
            dict(type='RandomFlip', prob=0.5),
            dict(type='RandomCropPad', size=_base_.image_size),
            dict(type='PackWeakInputs'),
        ],
    ),
)
train_cfg = dict(max_iters=iterations)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=50),
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=50, end=iterations),
]
test_dataloader = dict(
    dataset=dict(
        **_base_.coco14_train,
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask'),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ],
    )
)
# no maps are written: they would be 90 GB, which nothing reads
test_evaluator = [
    dict(type='CAMMetric'),
]
