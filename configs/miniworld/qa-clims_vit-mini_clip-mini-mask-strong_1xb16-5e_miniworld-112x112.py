_base_ = [
    './qa-clims_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112.py',
    '../_base_/backbones/vit-mini.py',
]
model, optim_wrapper = _base_.cam, dict(optimizer=_base_.optimizer)
