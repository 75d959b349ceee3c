# CLIP-ES on MiniWorld's CLIP: the maps of clip_cam, refined by the attention of its three blocks
_base_ = './clip-cam_clip-mini_miniworld-112x112.py'
work_dir = f'{_base_.root}/clip_es'
model = dict(type='CLIPES')
