# CLIMS as released, in its improved version, with VOC's texts. No init_cfg: it starts from the
# baseline's weights.
_base_ = '../classes/voc12.py'
clip = dict(model='ViT-B-32-quickgelu', pretrained='openai')
model = dict(
    type='CLIMS',
    activation='relu',
    data_preprocessor=dict(type='WeakDataPreprocessor', size=(512, 512)),
    backbone=dict(
        type='ResNet',
        depth=50,
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 1),
        out_indices=(3,),
        frozen_stages=-1,  # the stem is held by its learning rate, but bn1's statistics move
        norm_cfg=dict(type='SyncBN', requires_grad=True),
    ),
    cam_head=dict(type='CAMHead', in_channels=2048, num_classes=20),
    # CLIP sees images with the mean and deviation of ImageNet
    image_head=dict(type='CLIPImageHead', norm='imagenet', **clip),
    text_head=dict(type='CLIPTextHead', **clip),
    class_names=_base_.voc12_classes,
    class_texts=dict(person='player'),
    background_texts=[
        'tree', 'river', 'sea', 'lake', 'water', 'railway', 'railroad', 'track', 'stone', 'rocks',
    ],
    prompt='a photo of {text}.',
    loss_otm=dict(type='OTMLoss', loss_weight=10.0),
    loss_btm=dict(type='BTMLoss', loss_weight=24.0),
    loss_cbs=dict(type='CBSLoss', loss_weight=1.0, threshold=0.26),
    loss_reg=dict(type='REGLoss', loss_weight=0.2),
    reference_batch_size=16,
)  # fmt: skip
