# ConvNeXt-V2-T of ImageNet, after its pre-training as a masked autoencoder; stride 32
cam = dict(
    backbone=dict(
        _delete_=True,  # ResNet's options
        type='mmpretrain.ConvNeXt',
        arch='tiny',
        use_grn=True,
        layer_scale_init_value=0.0,
        out_indices=(3,),
        gap_before_final_norm=False,  # the map is wanted, not its mean
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://mmassets.onedl.ai/mmclassification/v0/convnext-v2/convnext-v2-tiny_fcmae-in21k-pre_3rdparty_in1k_20230104-8cc8b8f2.pth',
            prefix='backbone.',
        ),
    ),
    cam_head=dict(in_channels=768),
)
# not tuned
optimizer = dict(_delete_=True, type='AdamW', lr=5e-5, weight_decay=0.05)  # ResNet's SGD
