_base_ = [
    '../_base_/plugin.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/miniworld.py',
    '../_base_/models/cam_r18-mini.py',
    '../_base_/schedules/poly-sgd.py',
]
epochs = 10  # 930 steps of 16 images
lr = 0.03
omega = 0.1  # FAT: share of a map's peak from which a pixel is foreground
temperature = 0.7
weights = (10.0, 8.0, 0.2)  # FRC, BRC, REG: the paper's, for VOC
texts = 'corpus'  # 'label': without QAPE, the class against "no {class}"
root = 'work_dirs/miniworld'
cams_dir = f'{root}/qa_clims/cams'

clip = 'miniworld://clip'
text_bank = dict(
    corpus=f'{root}/corpus',
    folder=f'{root}/text_bank',
    text_head=dict(type='CLIPTextHead', model=clip),
    prompt='a photo of {answer}',
    bg_filter='none',
    groups=('fine', 'alias', 'object', 'scene'),
)
model = dict(
    type='RITC',
    activation='sigmoid',
    image_head=dict(
        type='CLIPImageHead', model=clip, mask_prompt='miniworld://clip/mask_prompt.safetensors'
    ),
    text_bank=text_bank['folder'],
    threshold=dict(type='ForegroundAdaptiveThreshold', omega=omega),
    loss_frc=dict(type='FRCLoss', loss_weight=weights[0], temperature=temperature),
    loss_brc=dict(
        type='BRCLoss', loss_weight=weights[1], temperature=temperature, positive='exp_mean'
    ),
    loss_reg=dict(type='REGLoss', loss_weight=weights[2]),
    fg_fusion='mean',
    region_image='hard',
)
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadTextRows', text_bank=text_bank['folder'], texts=texts),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackWeakInputs', num_classes=8),
        ]
    )
)
train_cfg = dict(max_epochs=epochs)
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=epochs, convert_to_iter_based=True)]
optim_wrapper = dict(optimizer=dict(lr=lr))
load_from = f'{root}/cam/epoch_8.pth'
test_evaluator = [
    dict(type='CAMWriter', out_dir=cams_dir),
    dict(type='CAMMetric', out_file=f'{cams_dir}/../curve.json', journal=f'{cams_dir}/../journal'),
]
