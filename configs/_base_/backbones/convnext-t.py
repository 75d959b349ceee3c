# ConvNeXt-T of ImageNet; its map has stride 32, half as many cells a side as ResNet's here
backbone = dict(
    type='mmpretrain.ConvNeXt',
    arch='tiny',
    out_indices=(3,),
    gap_before_final_norm=False,  # the map is wanted, not its mean
    init_cfg=dict(
        type='Pretrained',
        checkpoint='https://mmassets.onedl.ai/mmclassification/v0/convnext/convnext-tiny_32xb128_in1k_20221207-998cf3e9.pth',
        prefix='backbone.',
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
