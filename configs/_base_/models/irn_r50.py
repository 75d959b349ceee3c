# IRN over a ResNet-50 of stride 16 and its stem
stages = dict(in_channels=(64, 256, 512, 1024, 2048), strides=(4, 4, 8, 16, 16))
model = dict(
    type='IRNRefiner',
    data_preprocessor=dict(type='WeakDataPreprocessor', size=(512, 512)),
    backbone=dict(
        type='ResNet',
        depth=50,
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 1),
        out_indices=(0, 1, 2, 3),
        norm_cfg=dict(type='BN', requires_grad=False),
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    edge_head=dict(type='IRNEdgeHead', **stages),
    displacement_head=dict(type='IRNDisplacementHead', **stages),
    train_radius=10,
    radius=5,
    beta=10.0,
    exp_times=8,
    normalise='image',
)
