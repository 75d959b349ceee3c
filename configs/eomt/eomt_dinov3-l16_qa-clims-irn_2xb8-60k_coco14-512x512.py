_base_ = [
    './eomt_dinov3-b16_qa-clims-irn_2xb8-60k_coco14-512x512.py',
    '../_base_/backbones/dinov3-l16.py',
]
work_dir = f'{_base_.root}/segment_eomt-l16'
model = _base_.eomt
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=_base_.rates))
