# EoMT on MiniWorld's ViT: patches of 8 pixels, 14 x 14 of them, and masks of 28 x 28 cells; 0.76 M
# parameters
model = dict(
    type='EoMT',
    num_blocks=2,
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        size=(112, 112),
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
    ),
    backbone=dict(
        type='TimmFeatures',
        model_name='vit_small_patch16_dinov3',
        options=dict(
            embed_dim=96, depth=6, num_heads=3, patch_size=8, img_size=112, init_values=None
        ),
        init_cfg=dict(type='Pretrained', checkpoint='miniworld://backbone/vit-mini.safetensors'),
    ),
    decode_head=dict(
        type='EoMTHead',
        in_channels=96,
        num_classes=9,
        num_queries=9,
        upscalings=1,
        align_corners=False,
        # 180 steps are too few to find out which query is for what: a query a class
        loss_decode=dict(type='MaskSetLoss', balanced=True, matching='fixed'),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
