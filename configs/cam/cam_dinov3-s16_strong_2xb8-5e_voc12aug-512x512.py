_base_ = './cam_dinov3-s16_2xb8-5e_voc12aug-512x512.py'
work_dir = f'{_base_.root}/cam'
