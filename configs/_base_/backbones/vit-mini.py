# MiniWorld's ViT, built as DINOv3's: six blocks, patches of 8 pixels, 14 x 14 cells of 112 px
cam = dict(
    patch_size=8,
    backbone=dict(
        _delete_=True,  # ResNet's options
        type='TimmFeatures',
        model_name='vit_small_patch16_dinov3',
        options=dict(
            embed_dim=96, depth=6, num_heads=3, patch_size=8, img_size=112, init_values=None
        ),
        init_cfg=dict(type='Pretrained', checkpoint='miniworld://backbone/vit-mini.safetensors'),
    ),
    cam_head=dict(in_channels=96),
)
# not tuned
optimizer = dict(_delete_=True, type='AdamW', lr=3e-4, weight_decay=0.05)  # ResNet's SGD
