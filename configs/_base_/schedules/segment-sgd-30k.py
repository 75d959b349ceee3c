# The paper's 30k iterations (appendix C), 1 - progress to the power 0.9, stepped every iteration
train_cfg = dict(type='IterBasedTrainLoop', max_iters=30000, val_interval=1000000)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False, begin=0, end=30000)]
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=2.5e-4, momentum=0.9, weight_decay=5e-4),
    paramwise_cfg=dict(custom_keys=dict(decode_head=dict(lr_mult=10.0))),
)
