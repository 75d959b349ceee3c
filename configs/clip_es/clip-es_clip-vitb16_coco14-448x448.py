# The same on COCO; its objects are small, so the released code draws tighter boxes
_base_ = '../clip_cam/clip-cam_clip-vitb16_coco14-448x448.py'
work_dir = f'{_base_.root}/clip_es'
model = dict(type='CLIPES', box_threshold=0.7)
