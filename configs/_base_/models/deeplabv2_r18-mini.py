# DeepLabV2 on MiniWorld's backbone: stride 8, 14 x 14 cells, so half the paper's dilations and no
# pyramid: at half the size there would be 7 x 7
_base_ = './deeplabv2_r101.py'
model = dict(
    data_preprocessor=dict(
        size=(112, 112),
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        depth=18,
        style='pytorch',
        base_channels=32,
        num_stages=3,
        strides=(1, 2, 1),
        dilations=(1, 1, 2),
        out_indices=(2,),
        norm_cfg=dict(type='BN', requires_grad=True),
        norm_eval=False,
        init_cfg=dict(type='Pretrained', checkpoint='miniworld://backbone/r18-mini.safetensors'),
    ),
    decode_head=dict(in_channels=128, num_classes=9, dilations=(3, 6, 9, 12)),
    scales=(),
)
