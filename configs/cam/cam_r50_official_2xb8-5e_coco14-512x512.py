# The baseline of COCO, which the released code lacks; trained as that of VOC
_base_ = ['./cam_r50_official_2xb8-5e_voc12aug-512x512.py', '../_base_/datasets/coco14.py']
model = dict(cam_head=dict(num_classes=80))
train_dataloader = dict(dataset=_base_.coco14_train)
test_dataloader = dict(dataset=_base_.coco14_train)
# no maps are written: they would be 90 GB, which nothing reads
test_evaluator = [
    dict(type='CAMMetric'),
]
