# Puzzle-CAM with the baseline's start and schedule, not with its own of 15 epochs
_base_ = '../cam/cam_r50_2xb8-5e_voc12aug-512x512.py'
work_dir = f'{_base_.root}/puzzle'
model = dict(type='PuzzleCAM')
