# Preset official: the released train_cam.py dropped IRN's stop of the gradient after stage 2
_base_ = './cam_r50_2xb8-5e_voc12aug-512x512.py'
model = dict(backbone=dict(frozen_stages=0))
