# The paper's network with the paper's formulas. No init_cfg: it starts from the baseline's weights.
# Both files come from the released mask-adapted CLIP: qaclims convert
clip = dict(
    model='ViT-L-14-quickgelu', pretrained='data/weights/clip_vitl14_mask-adapted.safetensors'
)
model = dict(
    type='RITC',
    activation='sigmoid',
    data_preprocessor=dict(type='WeakDataPreprocessor', size=(512, 512)),
    backbone=dict(
        type='ResNet',
        depth=50,
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 1),
        out_indices=(3,),
        frozen_stages=0,  # the stem with its statistics, as in IRN; the other stages train, BN too
        norm_cfg=dict(type='SyncBN', requires_grad=True),
    ),
    cam_head=dict(type='CAMHead', in_channels=2048, num_classes=20),
    image_head=dict(
        type='CLIPImageHead',
        mask_prompt='data/weights/clip_vitl14_mask-prompt.safetensors',
        norm='clip',
        **clip,
    ),
    threshold=dict(type='ForegroundAdaptiveThreshold', omega=0.1),
    loss_frc=dict(type='FRCLoss', loss_weight=10.0, temperature=0.7, reduction='sum'),
    loss_brc=dict(
        type='BRCLoss', loss_weight=8.0, temperature=0.7, reduction='sum', positive='exp_mean'
    ),
    loss_reg=dict(type='REGLoss', loss_weight=0.2),
    text_source='corpus',
    fg_fusion='mean',
    region_image='hard',
)
text_encoding = dict(
    text_head=dict(type='CLIPTextHead', **clip),
    prompt='a photo of {answer}',
    bg_filter='none',
    groups=('fine', 'alias', 'object', 'scene'),
)
