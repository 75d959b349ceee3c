# ViT-S/14 of DINOv2, without labels; the map of an image of 512 pixels has 37 x 37 cells
cam = dict(
    patch_size=14,  # 512 pixels are 36.6 patches: images are resized to 37
    backbone=dict(
        _delete_=True,  # ResNet's options
        type='mmpretrain.VisionTransformer',
        arch='dinov2-small',
        img_size=518,  # of the position embeddings, which are interpolated
        patch_size=14,
        layer_scale_init_value=1e-5,
        out_type='featmap',
        frozen_stages=8,  # of 12
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://mmassets.onedl.ai/mmpretrain/v1.0/dinov2/vit-small-p14_dinov2-pre_3rdparty_20230426-5641ca5a.pth',
            prefix='backbone.',
        ),
    ),
    cam_head=dict(in_channels=384),
)
# not tuned
optimizer = dict(_delete_=True, type='AdamW', lr=2e-5, weight_decay=0.05)  # ResNet's SGD
