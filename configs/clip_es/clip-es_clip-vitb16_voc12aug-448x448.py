# CLIP-ES whole: the maps of clip_cam, refined by the attention of CLIP's last blocks
_base_ = '../clip_cam/clip-cam_clip-vitb16_voc12aug-448x448.py'
work_dir = f'{_base_.root}/clip_es'
model = dict(type='CLIPES')
