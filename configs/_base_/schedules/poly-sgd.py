# 1 - progress to the power 0.9, stepped every iteration, to 0 at the last; the head learns ten
# times as fast
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys=dict(cam_head=dict(lr_mult=10.0))),
)
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=5, val_interval=100000)
param_scheduler = [
    dict(
        type='PolyLR',
        power=0.9,
        eta_min=0.0,
        by_epoch=True,
        begin=0,
        end=5,
        convert_to_iter_based=True,
    )
]
