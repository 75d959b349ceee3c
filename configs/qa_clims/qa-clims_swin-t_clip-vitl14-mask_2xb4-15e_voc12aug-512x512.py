_base_ = [
    './qa-clims_r50_clip-vitl14-mask_2xb4-15e_voc12aug-512x512.py',
    '../_base_/backbones/swin-t.py',
]
work_dir = f'{_base_.root}/qa-clims_swin-t'
load_from = f'{_base_.root}/cam_swin-t/epoch_5.pth'
model = dict(
    backbone=dict(_delete_=True, **_base_.backbone),  # ResNet's options
    cam_head=dict(in_channels=_base_.channels),
)
optim_wrapper = dict(optimizer=_base_.optimizer)
