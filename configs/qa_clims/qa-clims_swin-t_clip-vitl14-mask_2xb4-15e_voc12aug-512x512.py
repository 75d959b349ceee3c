_base_ = [
    './qa-clims_r50_clip-vitl14-mask_2xb4-15e_voc12aug-512x512.py',
    '../_base_/backbones/swin-t.py',
]
work_dir = 'work_dirs/voc12/qa-clims_swin-t_clip-vitl14-mask_2xb4-15e_voc12aug-512x512'
load_from = '{work_dir}/../cam_swin-t_2xb8-5e_voc12aug-512x512/epoch_5.pth'
model = dict(
    backbone=dict(_delete_=True, **_base_.backbone),  # ResNet's options
    cam_head=dict(in_channels=_base_.channels),
)
optim_wrapper = dict(optimizer=_base_.optimizer)
