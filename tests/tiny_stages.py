"""IRN and a segmentor of a few weights, as the last words of a tiny config (see ``tiny_runs``)."""

_BACKBONE = """
backbone = dict(
    type='ResNet',
    depth=18,
    base_channels=8,
    stem_channels=8,
    num_stages=2,
    strides=(1, 2),
    dilations=(1, 1),
    out_indices=(0, 1),
)
"""
TINY_IRN = f"""{_BACKBONE}
stages = dict(in_channels=(8, 8, 16), strides=(4, 4, 8))
model = dict(
    type='IRNRefiner',
    backbone=backbone,
    edge_head=dict(type='IRNEdgeHead', **stages),
    displacement_head=dict(type='IRNDisplacementHead', channels=(16, 16, 16), **stages),
    train_radius=3,
    radius=3,
    exp_times=4,
)
"""
TINY_SEGMENTOR = f"""{_BACKBONE}
model = dict(
    type='DeepLabV2',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[128.0] * 3, std=[64.0] * 3, size=(32, 40)
    ),
    backbone=backbone,
    decode_head=dict(
        type='ASPPSumHead',
        in_channels=16,
        in_index=1,
        num_classes=21,
        dropout_ratio=0,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    scales=(),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
"""
