# Preset paper: the paper's formulas and numbers; what it does not say is as in the released code
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/voc12_weak.py',
    '../_base_/models/ritc_r50_clip-vitl14-mask.py',
    '../_base_/schedules/poly-sgd.py',
]
epochs = 15  # 19830 steps of 8 images
batch_size = 4  # images a GPU; other splits of the 8 train the same objective
lr = 3.5e-4  # of the backbone; the head learns ten times as fast
momentum = 0.9  # not in the paper
work_dir = f'{_base_.root}/qa_clims'
load_from = f'{_base_.root}/cam/epoch_5.pth'
text_bank = f'{_base_.root}/texts/text_bank'  # the text bank

model = dict(text_bank=text_bank)
text_encoding = dict(corpus=f'{_base_.root}/qape/corpus')
train_dataloader = dict(
    batch_size=batch_size,
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadTextRows', text_bank=text_bank),
            dict(type='RandomResizeLongSide', min_side=320, max_side=640),
            dict(type='RandomFlip', prob=0.5),
            dict(type='RandomCropPad', size=512),
            dict(type='PackWeakInputs'),
        ]
    ),
)
train_cfg = dict(max_epochs=epochs)
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=epochs, convert_to_iter_based=True)]
optim_wrapper = dict(optimizer=dict(lr=lr, momentum=momentum))
test_evaluator = [
    dict(type='CAMWriter'),
    dict(type='CAMMetric'),
]
