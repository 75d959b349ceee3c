_base_ = [
    __import__('qaclims_mm.paths').paths.mmseg_config('_base_/models/upernet_vit-b16_ln_mln.py'),
    '../_base_/plugin.py',
    '../_base_/root.py',
    '../_base_/runtime_iters.py',
    '../_base_/datasets/voc12_segment.py',
    '../_base_/schedules/segment-adamw-30k.py',
]
work_dir = f'{_base_.root}/segment_upernet_vit-b16'
# of ImageNet-21k and ImageNet, 384 px
checkpoint = 'https://mmassets.onedl.ai/mmclassification/v0/vit/finetune/vit-base-p16_in21k-pre-3rdparty_ft-64xb64_in1k-384_20210928-98e8652b.pth'
model = dict(
    data_preprocessor=dict(size=(512, 512)),
    pretrained=None,
    backbone=dict(
        _delete_=True,  # mmseg's ViT, whose weights are no download
        type='mmpretrain.VisionTransformer',
        arch='b',
        img_size=512,
        patch_size=16,
        out_indices=(2, 5, 8, 11),
        out_type='featmap',
        interpolate_mode='bicubic',
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint, prefix='backbone.'),
    ),
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
