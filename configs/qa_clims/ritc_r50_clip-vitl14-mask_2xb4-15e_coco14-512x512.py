# RITC without QAPE: the class against "no {class}"
_base_ = './qa-clims_r50_clip-vitl14-mask_2xb4-15e_coco14-512x512.py'
work_dir = f'{_base_.root}/ritc'
model = dict(text_source='label')
