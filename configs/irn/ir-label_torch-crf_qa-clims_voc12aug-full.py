# The CRF on the GPU instead of the cores: another approximation of the same Gaussians, whose labels
# differ along contours (docs/benchmarks.md)
_base_ = './ir-label_crf_qa-clims_voc12aug-full.py'
work_dir = f'{_base_.root}/ir_label_torch'
ir_label = dict(type='TorchDenseCRF')
