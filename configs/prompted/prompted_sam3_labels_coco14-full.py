# The labels as prompts of SAM 3 on COCO
_base_ = ['./prompted_sam3_labels_voc12aug-full.py', '../_base_/datasets/coco14.py']
test_dataloader = dict(dataset=_base_.coco14_train)
