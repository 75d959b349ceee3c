_base_ = '../cam/cam_r50_2xb8-5e_coco14-512x512.py'
work_dir = 'work_dirs/coco14/puzzle'
model = dict(type='PuzzleCAM')
