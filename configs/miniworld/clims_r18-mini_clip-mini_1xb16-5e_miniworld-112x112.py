# CLIMS, whose texts are fixed, in the place of QA-CLIMS: the same schedule and start
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root_miniworld.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/miniworld.py',
    '../_base_/models/clims_r18-mini_clip-mini.py',
    '../_base_/schedules/poly-sgd.py',
]
epochs = 5  # 465 steps of 16 images
lr = 2e-3  # of the backbone
head_lr_mult = 0.5
work_dir = f'{_base_.root}/clims'

train_cfg = dict(max_epochs=epochs)
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=epochs, convert_to_iter_based=True)]
optim_wrapper = dict(
    optimizer=dict(lr=lr),
    paramwise_cfg=dict(custom_keys=dict(cam_head=dict(lr_mult=head_lr_mult))),
)
# as for the baseline: the first 300 of the 1500
test_dataloader = dict(dataset=dict(indices=300))
test_evaluator = [
    dict(type='CAMWriter'),
    dict(type='CAMMetric'),
]
