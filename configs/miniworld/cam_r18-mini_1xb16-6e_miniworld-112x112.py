_base_ = [
    '../_base_/plugin.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/miniworld.py',
    '../_base_/models/cam_r18-mini.py',
    '../_base_/schedules/poly-sgd.py',
]
epochs = 6  # 558 steps of 16 images
work_dir = 'work_dirs/miniworld/cam'

train_cfg = dict(max_epochs=epochs)
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=epochs, convert_to_iter_based=True)]
# trained from scratch, not from ImageNet
optim_wrapper = dict(
    optimizer=dict(lr=0.02), paramwise_cfg=dict(custom_keys=dict(cam_head=dict(lr_mult=1.0)))
)
test_evaluator = [
    dict(type='CAMWriter', out_dir=f'{work_dir}/cams'),
    dict(type='CAMMetric', out_file=f'{work_dir}/curve.json', journal=f'{work_dir}/journal'),
]
