_base_ = ['./cam_r50_2xb8-5e_voc12aug-512x512.py', '../_base_/backbones/swin-t.py']
work_dir = f'{_base_.root}/cam_swin-t'
model = dict(
    backbone=dict(_delete_=True, **_base_.backbone),  # ResNet's options
    cam_head=dict(in_channels=_base_.channels),
)
optim_wrapper = dict(optimizer=_base_.optimizer)
