# WeCLIP: a decoder on a frozen CLIP, trained in one stage; here its maps of train are judged
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root.py',
    '../_base_/runtime_iters.py',
    '../_base_/datasets/voc12_weak.py',
    '../_base_/classes/voc12.py',
    '../_base_/texts/voc12.py',
    '../_base_/models/weclip_clip-vitb16.py',
    '../_base_/schedules/weclip-adamw-30k.py',
]
work_dir = f'{_base_.root}/weclip'
batch_size = 4
model = dict(class_names=_base_.voc12_classes, **_base_.voc12_texts)
auto_scale_lr = dict(base_batch_size=batch_size)
train_dataloader = dict(
    batch_size=batch_size,
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='RandomScale', min_factor=0.5, max_factor=2.0),
            dict(type='RandomFlip', prob=0.5),
            dict(type='RandomCropPad', size=_base_.image_size),
            dict(type='PackWeakInputs'),
        ]
    ),
)
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask'),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ],
    )
)
test_evaluator = [
    dict(type='CAMWriter'),
    dict(type='CAMMetric'),
]
