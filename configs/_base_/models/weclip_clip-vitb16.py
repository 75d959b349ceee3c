# WeCLIP with the numbers of its released code for VOC; a leaf gives the texts
image_size = 320  # px, of the crops in training
clip = dict(model='ViT-B-16-quickgelu', pretrained='openai')
model = dict(
    type='WeCLIP',
    data_preprocessor=dict(type='WeakDataPreprocessor', size=(image_size, image_size)),
    image_head=dict(type='CLIPImageHead', image_size=image_size, **clip),
    text_head=dict(type='CLIPTextHead', **clip),
    # a square, where the released code keeps the aspect and takes 512 px for the longer side
    test_image_size=512,
    # the last of the twelve blocks makes the maps
    decode_head=dict(type='FrozenFeatureHead', in_channels=768, num_blocks=11, num_classes=21),
    blocks=8,
    refined_blocks=6,
    refine_from=0.5,
    box_threshold=0.4,
    radius=8,
)
