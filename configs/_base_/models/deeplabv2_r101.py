# DeepLabV2 as kazuto1011/deeplab-pytorch trains it: Caffe's ResNet-101 at output stride 8 with
# frozen statistics, 44.05 M parameters with 21 classes
model = dict(
    type='DeepLabV2',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        # Caffe's: BGR, no deviation
        mean=[104.008, 116.669, 122.675],
        std=[1.0, 1.0, 1.0],
        bgr_to_rgb=False,
        pad_val=0,
        seg_pad_val=255,
    ),
    backbone=dict(
        type='CeilResNet',
        depth=101,
        style='caffe',
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        out_indices=(3,),
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
    ),
    decode_head=dict(
        type='ASPPSumHead',
        in_channels=2048,
        in_index=0,
        num_classes=21,
        dropout_ratio=0,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    scales=(0.5, 0.75),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
