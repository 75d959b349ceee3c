# RITC without QAPE: the class against "no {class}"
_base_ = './qa-clims_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112.py'
work_dir = f'{_base_.root}/ritc'
model = dict(text_source='label')
