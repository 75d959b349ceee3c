# Puzzle-CAM in the place of the baseline: the same start and schedule
_base_ = './cam_r18-mini_1xb16-3e_miniworld-112x112.py'
work_dir = f'{_base_.root}/puzzle'
model = dict(type='PuzzleCAM')
