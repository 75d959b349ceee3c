# CLIMS with the released weights and the sizes and texts of MiniWorld
_base_ = ['./cam_r18-mini.py', '../texts/miniworld.py']
model = dict(
    type='CLIMS',
    activation='relu',
    image_head=dict(type='CLIPImageHead', model='miniworld://clip'),
    text_head=dict(type='CLIPTextHead', model='miniworld://clip'),
    class_names=['aeroplane', 'bird', 'boat', 'car', 'cat', 'potted plant', 'sheep', 'train'],
    background_texts=_base_.scene_texts,
    prompt='a photo of {text}',  # what this CLIP was trained with
    loss_otm=dict(type='OTMLoss', loss_weight=10.0),
    loss_btm=dict(type='BTMLoss', loss_weight=24.0),
    # cosines of this CLIP: whole pictures and the texts of their scene 0.51 to 0.55, of another
    # scene 0.1 to 0.3
    loss_cbs=dict(type='CBSLoss', loss_weight=1.0, threshold=0.45),
    loss_reg=dict(type='REGLoss', loss_weight=0.2),
    reference_batch_size=16,
)
