_base_ = [
    './qa-clims_r50_clip-vitl14-mask-export_2xb4-15e_voc12aug-512x512.py',
    '../_base_/backbones/dinov3-s16.py',
]
model, optim_wrapper = _base_.cam, dict(optimizer=_base_.optimizer)
