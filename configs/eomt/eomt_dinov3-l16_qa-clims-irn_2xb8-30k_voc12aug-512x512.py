_base_ = [
    './eomt_dinov3-b16_qa-clims-irn_2xb8-30k_voc12aug-512x512.py',
    '../_base_/backbones/dinov3-l16.py',
]
work_dir = f'{_base_.root}/segment_eomt-l16'
model = _base_.eomt
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=_base_.rates))
