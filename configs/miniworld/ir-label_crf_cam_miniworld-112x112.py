# Confident labels of the baseline's maps, to compare with QA-CLIMS's
_base_ = './ir-label_crf_miniworld-112x112.py'
work_dir = f'{_base_.root}/cam_ir_label'
ir_label = dict(cams=f'{_base_.root}/cam_maps/cams')
