_base_ = './cam_r50_2xb8-5e_voc12aug-512x512.py'
model = dict(backbone=dict(depth=101, init_cfg=dict(checkpoint='torchvision://resnet101')))
