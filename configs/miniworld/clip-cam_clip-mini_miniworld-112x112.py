# Grad-CAM on MiniWorld's CLIP with the texts of CLIMS; nothing is trained
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root_miniworld.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/miniworld.py',
    '../_base_/models/clims_r18-mini_clip-mini.py',
]
work_dir = f'{_base_.root}/clip_cam'
model = dict(
    _delete_=True,  # another model, of which CLIMS's texts are kept
    type='CLIPCAM',
    image_head=_base_.model.image_head,
    text_head=_base_.model.text_head,
    class_names=_base_.model.class_names,
    background_texts=_base_.model.background_texts,
    prompt=_base_.model.prompt,
)
# as for the baseline: the first 300 of the 1500; CLIP sees all scales at its own size
test_dataloader = dict(
    dataset=dict(
        indices=300,
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
