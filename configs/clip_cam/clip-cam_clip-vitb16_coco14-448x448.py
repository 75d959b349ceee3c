# The same on COCO; maps of all training images, judged on all
_base_ = [
    './clip-cam_clip-vitb16_voc12aug-448x448.py',
    '../_base_/datasets/coco14.py',
    '../_base_/classes/coco14.py',
    '../_base_/texts/coco14.py',
]
model = dict(
    class_names=_base_.coco14_classes,
    class_texts=dict(_delete_=True, **_base_.coco14_texts.class_texts),  # other classes
    background_texts=_base_.coco14_texts.background_texts,
)
test_dataloader = dict(dataset=_base_.coco14_train)
