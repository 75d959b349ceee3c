_base_ = [
    __import__('qaclims_mm.paths').paths.mmseg_config('_base_/models/upernet_swin.py'),
    '../_base_/plugin.py',
    '../_base_/root.py',
    '../_base_/runtime_iters.py',
    '../_base_/datasets/voc12_segment.py',
    '../_base_/schedules/segment-adamw-30k.py',
]
work_dir = f'{_base_.root}/segment_upernet_swin-tiny'
checkpoint = 'https://mmassets.onedl.ai/mmsegmentation/v0.5/pretrain/swin/swin_tiny_patch4_window7_224_20220317-1cdeb081.pth'
model = dict(
    data_preprocessor=dict(size=(512, 512)),
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=checkpoint)),
    decode_head=dict(num_classes=21),
    auxiliary_head=dict(num_classes=21),
)
train_dataloader = dict(
    batch_size=8,
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
