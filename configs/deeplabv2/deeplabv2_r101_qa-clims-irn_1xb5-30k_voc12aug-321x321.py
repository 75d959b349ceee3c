# The paper's DeepLabV2 (appendix C), from ImageNet
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root.py',
    '../_base_/runtime_iters.py',
    '../_base_/datasets/voc12_segment.py',
    '../_base_/models/deeplabv2_r101.py',
    '../_base_/schedules/segment-sgd-30k.py',
]
work_dir = f'{_base_.root}/segment'
batch_size = 5
lr = 2.5e-4  # of the backbone; the head learns ten times as fast, its biases twenty times
crop_size = (321, 321)  # px

model = dict(
    data_preprocessor=dict(size=crop_size),
    backbone=dict(
        # Caffe's weights, to which the mean of data_preprocessor belongs
        init_cfg=dict(type='Pretrained', checkpoint='open-mmlab://detectron2/resnet101_caffe')
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
            dict(
                type='RandomChoice',
                transforms=[
                    [dict(type='Resize', scale_factor=s, keep_ratio=True)]
                    for s in (0.5, 0.75, 1.0, 1.25, 1.5)
                ],
            ),
            dict(type='RandomCrop', crop_size=crop_size),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs'),
        ]
    ),
)
optim_wrapper = dict(
    optimizer=dict(lr=lr),
    paramwise_cfg=dict(
        custom_keys={
            f'decode_head.convs.{i}.bias': dict(lr_mult=20.0, decay_mult=0.0) for i in range(4)
        }
    ),
)
