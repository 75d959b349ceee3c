# The conventional CAM, trained as in IRN; RITC starts from its weights
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/voc12_weak.py',
    '../_base_/models/cam_r50.py',
    '../_base_/schedules/poly-sgd.py',
]
work_dir = f'{_base_.root}/cam'
epochs = 5  # 3305 steps of 16 images
batch_size = 8  # images a GPU
lr = 0.1  # of the backbone; the head learns ten times as fast
momentum = 1e-4  # IRN's optimizer takes its weight decay for the momentum; lr was chosen with it

auto_scale_lr = dict(base_batch_size=16)
train_dataloader = dict(batch_size=batch_size)
train_cfg = dict(max_epochs=epochs)
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=epochs, convert_to_iter_based=True)]
optim_wrapper = dict(optimizer=dict(lr=lr, momentum=momentum))
test_evaluator = [
    dict(type='CAMWriter'),
    dict(type='CAMMetric'),
]
