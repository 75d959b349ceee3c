# ViT-S/16 of DINOv3, without labels; the map of an image of 512 pixels has 32 x 32 cells
cam = dict(
    patch_size=16,
    backbone=dict(
        _delete_=True,  # ResNet's options
        type='TimmFeatures',
        model_name='vit_small_patch16_dinov3',
        frozen=(r'patch_embed', r'cls_token', r'reg_token', r'blocks\.[0-7]\.'),  # 8 blocks of 12
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://huggingface.co/timm/vit_small_patch16_dinov3.lvd1689m/resolve/main/model.safetensors',
        ),
    ),
    cam_head=dict(in_channels=384),
)
# not tuned
optimizer = dict(_delete_=True, type='AdamW', lr=2e-5, weight_decay=0.05)  # ResNet's SGD
