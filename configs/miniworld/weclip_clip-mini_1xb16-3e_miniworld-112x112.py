# WeCLIP on MiniWorld's CLIP with the texts of CLIMS, for as many epochs as the baseline
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root_miniworld.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/miniworld.py',
    '../_base_/models/clims_r18-mini_clip-mini.py',
]
epochs = 3  # 279 steps of 16 images
lr = 2e-3  # of the released code
work_dir = f'{_base_.root}/weclip'
model = dict(
    _delete_=True,  # another model, of which CLIMS's texts are kept
    type='WeCLIP',
    image_head=_base_.model.image_head,
    text_head=_base_.model.text_head,
    class_names=_base_.model.class_names,
    background_texts=_base_.model.background_texts,
    prompt=_base_.model.prompt,
    # three blocks of 128 channels, the last of which makes the maps
    decode_head=dict(
        type='FrozenFeatureHead', in_channels=128, num_blocks=2, num_classes=9, channels=128
    ),
    radius=5,  # of 12 cells, as 8 of 20
    # pictures of a quarter of VOC's side, so PAR's neighbours lie a quarter as far
    dilations=(1, 2, 3, 6),
)
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=epochs, val_interval=100000)
param_scheduler = [
    dict(type='PolyLR', power=1.0, begin=0, end=epochs, convert_to_iter_based=True),
]
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=lr, betas=(0.9, 0.999), weight_decay=0.01),
)
# as for the baseline: the first 300 of the 1500; CLIP sees all scales at its own size
test_dataloader = dict(
    dataset=dict(
        indices=300,
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
