# Trained on the true masks, as deeplabv2_r18-mini_full
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root_miniworld.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/miniworld_segment.py',
    '../_base_/models/eomt_vit-mini.py',
    '../_base_/schedules/poly-sgd.py',
]
epochs = 10  # 180 steps of 16 images
lr = 1e-3
backbone_lr_mult = 0.5
work_dir = f'{_base_.root}/segment_eomt_full'

train_dataloader = dict(dataset=dict(indices=300))  # those that have maps
train_cfg = dict(max_epochs=epochs)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=18),
    dict(type='PolyLR', power=0.9, begin=1, end=epochs, convert_to_iter_based=True),
]
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=lr, weight_decay=0.05),  # no momentum
    clip_grad=dict(max_norm=1.0),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=backbone_lr_mult))),
)
