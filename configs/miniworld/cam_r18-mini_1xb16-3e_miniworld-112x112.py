_base_ = [
    '../_base_/plugin.py',
    '../_base_/root_miniworld.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/miniworld.py',
    '../_base_/models/cam_r18-mini.py',
    '../_base_/schedules/poly-sgd.py',
]
epochs = 3  # 279 steps of 16 images
lr = 0.01  # of the backbone; the head learns ten times as fast
work_dir = f'{_base_.root}/cam'

train_cfg = dict(max_epochs=epochs)
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=epochs, convert_to_iter_based=True)]
optim_wrapper = dict(optimizer=dict(lr=lr))
# maps and metric of the first 300 of the 1500 pictures: quickstart has ten minutes
test_dataloader = dict(dataset=dict(indices=300))
test_evaluator = [
    dict(type='CAMWriter'),
    dict(type='CAMMetric'),
]
