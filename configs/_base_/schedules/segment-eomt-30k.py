# EoMT's recipe over 30k iterations: AdamW, and each of the 12 blocks of a ViT-B learns 0.8 times as
# fast as the one behind it
_rates = {f'backbone.network.blocks.{i}.': dict(lr_mult=0.8 ** (12 - i)) for i in range(12)}
_rates |= {f'backbone.network.{n}': dict(lr_mult=0.8**13) for n in ('patch_', 'cls_', 'reg_')}
train_cfg = dict(type='IterBasedTrainLoop', max_iters=30000, val_interval=1000000)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=1500),
    dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False, begin=1500, end=30000),
]
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05),
    clip_grad=dict(max_norm=0.01),  # Mask2Former's
    paramwise_cfg=dict(custom_keys=_rates),
)
