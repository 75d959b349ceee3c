_base_ = '../cam/cam_r50_2xb8-5e_coco14-512x512.py'
work_dir = f'{_base_.root}/puzzle'
model = dict(type='PuzzleCAM')
