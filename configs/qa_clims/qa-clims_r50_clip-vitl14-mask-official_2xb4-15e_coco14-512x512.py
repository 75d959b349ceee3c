# Section 4.1: COCO's weights of the losses; maps of all training images, judged on all
_base_ = [
    './qa-clims_r50_clip-vitl14-mask-official_2xb4-15e_voc12aug-512x512.py',
    '../_base_/datasets/coco14.py',
]
lr = 1e-5  # of the run script; the paper has 3.5e-4
model = dict(
    cam_head=dict(num_classes=80),
    loss_frc=dict(loss_weight=30.0),
    loss_brc=dict(loss_weight=24.0),
)
train_dataloader = dict(dataset=_base_.coco14_train)
test_dataloader = dict(dataset=_base_.coco14_train)
optim_wrapper = dict(optimizer=dict(lr=lr))
