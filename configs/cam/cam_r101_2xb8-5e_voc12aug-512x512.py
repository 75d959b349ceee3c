_base_ = './cam_r50_2xb8-5e_voc12aug-512x512.py'
work_dir = f'{_base_.root}/cam_r101'
model = dict(backbone=dict(depth=101, init_cfg=dict(checkpoint='torchvision://resnet101')))
