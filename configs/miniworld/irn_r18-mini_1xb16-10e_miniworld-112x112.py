_base_ = [
    '../_base_/plugin.py',
    '../_base_/root_miniworld.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/miniworld.py',
    '../_base_/models/irn_r18-mini.py',
    '../_base_/schedules/poly-sgd.py',
]
epochs = 10  # 180 steps of 16 images, those that have maps
lr = 0.1  # of the edges; the displacements learn ten times as fast, as in IRN
images = 300
threshold = 0.25  # of the masks, IRN's; the best one is in curve.json
work_dir = f'{_base_.root}/irn'

train_dataloader = dict(
    dataset=dict(
        indices=images,
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask', masks=f'{_base_.root}/ir_label/ir_labels'),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackWeakInputs'),
        ],
    )
)
train_cfg = dict(max_epochs=epochs)
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=epochs, convert_to_iter_based=True)]
optim_wrapper = dict(
    optimizer=dict(lr=lr),
    paramwise_cfg=dict(custom_keys=dict(displacement_head=dict(lr_mult=10.0))),
)
default_hooks = dict(displacement_mean=dict(type='DisplacementMeanHook'))
test_dataloader = dict(
    dataset=dict(
        indices=images,
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask'),
            dict(type='LoadCAMs', cams=f'{_base_.root}/qa_clims_maps/cams', full_size=False),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ],
    )
)
# the maps spread by IRN, at every threshold as CAMs are
test_evaluator = [
    dict(type='PseudoMaskWriter', threshold=threshold),
    dict(
        type='CAMMetric',
        report_at=threshold,
        maps='refined_maps',
        prefix='mask',
    ),
]
