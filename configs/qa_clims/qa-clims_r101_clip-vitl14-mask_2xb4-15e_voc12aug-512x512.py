_base_ = './qa-clims_r50_clip-vitl14-mask_2xb4-15e_voc12aug-512x512.py'
work_dir = f'{_base_.root}/qa-clims_r101'
load_from = f'{_base_.root}/cam_r101/epoch_5.pth'
model = dict(backbone=dict(depth=101))
