# The paper's DeepLabV1 (appendix C) as its author trains it, from ImageNet
_base_ = [
    '../_base_/plugin.py',
    '../_base_/runtime_iters.py',
    '../_base_/datasets/voc12_segment.py',
    '../_base_/models/deeplabv1_wr38.py',
    '../_base_/schedules/segment-sgd-30k.py',
]
batch_size = 6
lr = 8e-4  # of the backbone; the head learns ten times as fast
crop_size = (512, 512)  # px

model = dict(
    data_preprocessor=dict(size=crop_size),
    backbone=dict(
        # ilsvrc-cls_rna-a1_cls1000_ep-0001.params, converted from MXNet
        init_cfg=dict(type='Pretrained', checkpoint='pretrained/wide-resnet38_imagenet.pth')
    ),
)
train_dataloader = dict(batch_size=batch_size)
optim_wrapper = dict(optimizer=dict(lr=lr))
