# CLIMS as released, in its improved version: 58.6 there, where the paper has 56.6 of another
# version (a CLIP tuned on VOC, a deeper head)
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/voc12_weak.py',
    '../_base_/models/clims_r50_clip-vitb32.py',
    '../_base_/schedules/poly-sgd.py',
]
epochs = 15  # 9915 steps of 16 images
batch_size = 16  # images a GPU; other splits of the 16 train the same objective
lr = 2.5e-4  # of the backbone; the head learns ten times as fast
momentum = 1e-4  # by a bug: the weight decay lands in the momentum
stem = dict(lr_mult=0.0)  # conv1 and bn1 keep their weights, but bn1's statistics move
work_dir = f'{_base_.root}/clims'
load_from = f'{_base_.root}/cam/epoch_5.pth'

auto_scale_lr = dict(base_batch_size=batch_size)
train_dataloader = dict(batch_size=batch_size)
train_cfg = dict(max_epochs=epochs)
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=epochs, convert_to_iter_based=True)]
optim_wrapper = dict(
    optimizer=dict(lr=lr, momentum=momentum),
    paramwise_cfg=dict(custom_keys={'backbone.conv1': stem, 'backbone.bn1': stem}),
)
test_evaluator = [
    dict(type='CAMWriter'),
    dict(type='CAMMetric'),
]
