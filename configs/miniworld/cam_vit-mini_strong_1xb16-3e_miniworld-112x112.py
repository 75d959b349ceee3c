_base_ = ['./cam_r18-mini_1xb16-3e_miniworld-112x112.py', '../_base_/backbones/vit-mini.py']
model, optim_wrapper = _base_.cam, dict(optimizer=_base_.optimizer)
