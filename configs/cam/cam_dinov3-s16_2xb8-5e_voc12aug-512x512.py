_base_ = ['./cam_r50_2xb8-5e_voc12aug-512x512.py', '../_base_/backbones/dinov3-s16.py']
work_dir = f'{_base_.root}/cam_dinov3-s16'
model, optim_wrapper = _base_.cam, dict(optimizer=_base_.optimizer)
