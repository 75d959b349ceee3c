# Grad-CAM on CLIP with the published texts of CLIP-ES, without its refinement by attention. CLIP
# sees a square of about the images' size, there it sees them as they are.
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/voc12_weak.py',
    '../_base_/classes/voc12.py',
    '../_base_/texts/voc12.py',
]
work_dir = f'{_base_.root}/clip_cam'
image_size = 448  # px
clip = dict(model='ViT-B-16-quickgelu', pretrained='openai')
model = dict(
    type='CLIPCAM',
    image_head=dict(type='CLIPImageHead', image_size=image_size, **clip),
    text_head=dict(type='CLIPTextHead', **clip),
    class_names=_base_.voc12_classes,
    **_base_.voc12_texts,
)
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask'),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ],
    )
)
test_evaluator = [
    dict(type='CAMWriter'),
    dict(type='CAMMetric'),
]
