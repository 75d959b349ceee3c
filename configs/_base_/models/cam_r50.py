# The baseline of IRN: ResNet-50 of stride 16, every BN keeps ImageNet's statistics; the gradient
# stops after the second stage
model = dict(
    type='CAMClassifier',
    data_preprocessor=dict(type='WeakDataPreprocessor', size=(512, 512)),
    backbone=dict(
        type='ResNet',
        depth=50,
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 1),
        out_indices=(3,),
        frozen_stages=2,
        norm_eval=True,
        norm_cfg=dict(type='BN', requires_grad=True),
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    cam_head=dict(type='CAMHead', in_channels=2048, num_classes=20),
)
