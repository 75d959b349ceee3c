# Preset paper, which uses IRN as it is; trained on trainaug, masks of the images of train
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/voc12_weak.py',
    '../_base_/models/irn_r50.py',
    '../_base_/schedules/poly-sgd.py',
]
epochs = 3  # 990 steps of 32 images
batch_size = 32
lr = 0.1  # of the edges; the displacements learn ten times as fast
momentum = 1e-4  # IRN's optimizer takes its weight decay for the momentum; lr was chosen with it
threshold = 0.25  # of the masks' background
work_dir = f'{_base_.root}/irn'
ir_labels = f'{_base_.root}/ir_label/ir_labels'
cams = f'{_base_.root}/qa_clims_export/cams'

model = dict(pad_to=512)
auto_scale_lr = dict(base_batch_size=batch_size)
train_dataloader = dict(
    batch_size=batch_size,
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask', masks=ir_labels),
            dict(type='RandomScale', min_factor=0.5, max_factor=1.5),
            dict(type='RandomFlip', prob=0.5),
            dict(type='RandomCropPad', size=512),
            dict(type='PackWeakInputs'),
        ]
    ),
)
train_cfg = dict(max_epochs=epochs)
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=epochs, convert_to_iter_based=True)]
optim_wrapper = dict(
    optimizer=dict(lr=lr, momentum=momentum),
    paramwise_cfg=dict(custom_keys=dict(displacement_head=dict(lr_mult=10.0))),
)
default_hooks = dict(displacement_mean=dict(type='DisplacementMeanHook'))
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask'),
            dict(type='LoadCAMs', cams=cams, full_size=False),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ]
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
