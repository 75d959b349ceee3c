# EoMT on ViT-B/16 of DINOv3: 100 queries in the last 3 of its 12 blocks, masks of a quarter of the
# image; 92 M parameters
model = dict(
    type='EoMT',
    num_blocks=3,
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
    ),
    backbone=dict(
        type='TimmFeatures',
        model_name='vit_base_patch16_dinov3',
        # a folder or file with the same weights will do; init_cfg=None starts from random ones
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://huggingface.co/timm/vit_base_patch16_dinov3.lvd1689m/resolve/main/model.safetensors',
        ),
    ),
    decode_head=dict(
        type='EoMTHead',
        in_channels=768,
        num_classes=21,
        num_queries=100,
        upscalings=2,
        align_corners=False,
        loss_decode=dict(type='MaskSetLoss', balanced=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
