# The paper's DeepLabV2 on COCO (appendix C)
_base_ = [
    './deeplabv2_r101_qa-clims-irn_1xb5-30k_voc12aug-321x321.py',
    '../_base_/datasets/coco14.py',
]
work_dir = 'work_dirs/coco14/segment'
masks = '{work_dir}/../irn/pseudo_masks'
batch_size = 10
iterations = 100000
model = dict(decode_head=dict(num_classes=81))
train_dataloader = dict(batch_size=batch_size, dataset=_base_.coco14_train)
test_dataloader = dict(dataset=_base_.coco14_val)
train_cfg = dict(max_iters=iterations)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False, end=iterations)]
