# The paper's DeepLabV1 (appendix C) as its author trains it, from ImageNet
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root.py',
    '../_base_/runtime_iters.py',
    '../_base_/datasets/voc12_segment.py',
    '../_base_/models/deeplabv1_wr38.py',
    '../_base_/schedules/segment-sgd-30k.py',
]
work_dir = f'{_base_.root}/segment_deeplabv1'
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
auto_scale_lr = dict(base_batch_size=batch_size)
train_dataloader = dict(
    batch_size=batch_size,
    dataset=dict(
        pipeline=[
            dict(type='LoadBGRImage'),
            dict(
                type='LoadMask',
                masks=f'{_base_.root}/{_base_.masks_by or "irn_export"}/pseudo_masks',
                corrected=f'{_base_.root}/corrected',
            ),
            dict(type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True),
            dict(type='RandomCrop', crop_size=(512, 512), cat_max_ratio=0.75),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PhotoMetricDistortion'),
            dict(type='PackSegInputs'),
        ]
    ),
)
optim_wrapper = dict(optimizer=dict(lr=lr))
