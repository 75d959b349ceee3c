_base_ = ['./cam_r50_2xb8-5e_voc12aug-512x512.py', '../_base_/backbones/dinov2-s14.py']
work_dir = f'{_base_.root}/cam_dinov2-s14'
model, optim_wrapper = _base_.cam, dict(optimizer=_base_.optimizer)
