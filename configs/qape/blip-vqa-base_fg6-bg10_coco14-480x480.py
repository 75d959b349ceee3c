_base_ = ['./blip-vqa-base_fg6-bg10_voc12aug-480x480.py', '../_base_/datasets/coco14.py']
test_dataloader = dict(dataset=_base_.coco14_train)
