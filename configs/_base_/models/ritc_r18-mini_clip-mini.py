# The paper's preset: formulas and numbers of the paper, sizes of MiniWorld
_base_ = './cam_r18-mini.py'
model = dict(
    type='RITC',
    activation='sigmoid',
    image_head=dict(
        type='CLIPImageHead',
        model='miniworld://clip',
        mask_prompt='miniworld://clip/mask_prompt.safetensors',
    ),
    threshold=dict(type='ForegroundAdaptiveThreshold', omega=0.1),
    loss_frc=dict(type='FRCLoss', loss_weight=10.0, temperature=0.7),
    loss_brc=dict(type='BRCLoss', loss_weight=8.0, temperature=0.7, positive='exp_mean'),
    loss_reg=dict(type='REGLoss', loss_weight=0.2),
    text_source='corpus',
    fg_fusion='mean',
    region_image='hard',
)
text_encoding = dict(
    text_head=dict(type='CLIPTextHead', model='miniworld://clip'),
    prompt='a photo of {answer}',
    bg_filter='none',
    groups=('fine', 'alias', 'object', 'scene'),
)
