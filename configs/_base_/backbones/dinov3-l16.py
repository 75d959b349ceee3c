# ViT-L/16 of DINOv3 in the place of ViT-B/16, for EoMT: queries in the last 4 of its 24 blocks,
# 315 M parameters
eomt = dict(
    num_blocks=4,
    backbone=dict(
        model_name='vit_large_patch16_dinov3',
        init_cfg=dict(
            checkpoint='https://huggingface.co/timm/vit_large_patch16_dinov3.lvd1689m/resolve/main/model.safetensors'
        ),
    ),
    decode_head=dict(in_channels=1024),
)
rates = {f'backbone.network.blocks.{i}.': dict(lr_mult=0.8 ** (24 - i)) for i in range(24)}
rates |= {f'backbone.network.{n}': dict(lr_mult=0.8**25) for n in ('patch_', 'cls_', 'reg_')}
