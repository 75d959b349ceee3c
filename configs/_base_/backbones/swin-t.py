# Swin-T of ImageNet; its map has stride 32, half as many cells a side as ResNet's here
backbone = dict(
    type='SwinTransformer',
    embed_dims=96,
    depths=(2, 2, 6, 2),
    num_heads=(3, 6, 12, 24),
    window_size=7,
    out_indices=(3,),
    init_cfg=dict(
        type='Pretrained',
        checkpoint='https://mmassets.onedl.ai/mmsegmentation/v0.5/pretrain/swin/swin_tiny_patch4_window7_224_20220317-1cdeb081.pth',
    ),
)
channels = 768
# not tuned
optimizer = dict(
    _delete_=True,  # ResNet's SGD of lr 0.1, which is nothing for networks with LayerNorm
    type='AdamW',
    lr=5e-5,
    weight_decay=0.05,
)
