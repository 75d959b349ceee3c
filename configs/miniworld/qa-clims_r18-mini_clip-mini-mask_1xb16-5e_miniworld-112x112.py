_base_ = [
    '../_base_/plugin.py',
    '../_base_/root_miniworld.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/miniworld.py',
    '../_base_/models/ritc_r18-mini_clip-mini.py',
    '../_base_/schedules/poly-sgd.py',
]
epochs = 5  # 465 steps of 16 images
lr = 2e-3  # of the backbone
# Losses are sums over pairs. A head ten times as fast as the backbone lowers all cells of a class
# at once, and a map that the sigmoid has brought to 0 does not come back.
head_lr_mult = 0.5
work_dir = f'{_base_.root}/qa_clims'
text_bank = f'{_base_.root}/texts/text_bank'  # the text bank
# From MiniWorld's ImageNet, not from the baseline as on VOC: 465 steps do not undo its leaks
# (docs/miniworld.md)

model = dict(text_bank=text_bank)
text_encoding = dict(corpus=f'{_base_.root}/qape/corpus')
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadTextRows', text_bank=text_bank),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackWeakInputs'),
        ]
    )
)
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
