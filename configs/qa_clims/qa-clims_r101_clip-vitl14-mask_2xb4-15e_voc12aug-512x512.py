_base_ = './qa-clims_r50_clip-vitl14-mask_2xb4-15e_voc12aug-512x512.py'
load_from = '{work_dir}/../cam_r101_2xb8-5e_voc12aug-512x512/epoch_5.pth'
model = dict(backbone=dict(depth=101))
