# A ResNet-18 of half the width, three stages, stride 8: 14 x 14 cells on MiniWorld's 112 px, about
# 0.3 s a step on two cores
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    type='CAMClassifier',
    data_preprocessor=dict(type='WeakDataPreprocessor'),
    backbone=dict(
        type='ResNet',
        depth=18,
        base_channels=32,
        num_stages=3,
        strides=(1, 2, 1),
        dilations=(1, 1, 2),
        out_indices=(2,),
        norm_cfg=norm_cfg,
        # MiniWorld's stand-in for ImageNet
        init_cfg=dict(type='Pretrained', checkpoint='miniworld://backbone/r18-mini.safetensors'),
    ),
    cam_head=dict(type='CAMHead', in_channels=128, num_classes=8),
)
