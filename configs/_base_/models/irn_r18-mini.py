# IRN over the stem and the three stages of MiniWorld's backbone
stages = dict(in_channels=(64, 32, 64, 128), strides=(4, 4, 8, 8))
model = dict(
    type='IRNRefiner',
    data_preprocessor=dict(type='WeakDataPreprocessor'),
    backbone=dict(
        type='ResNet',
        depth=18,
        base_channels=32,
        num_stages=3,
        strides=(1, 2, 1),
        dilations=(1, 1, 2),
        out_indices=(0, 1, 2),
        norm_cfg=dict(type='BN', requires_grad=False),
        init_cfg=dict(type='Pretrained', checkpoint='miniworld://backbone/r18-mini.safetensors'),
    ),
    edge_head=dict(type='IRNEdgeHead', **stages),
    displacement_head=dict(type='IRNDisplacementHead', channels=(64, 128, 256, 256), **stages),
    train_radius=5,
    radius=5,
    # 28 x 28 cells are a fourteenth of the 94 x 125 of VOC, and a walk's reach squared grows with
    # its steps: 2 ** 4 for 2 ** 8
    exp_times=4,
    normalise='image',
)
