_base_ = ['./blip-vqa-base_fg6-bg10-official_voc12aug-480x480.py', '../_base_/datasets/coco14.py']
model = dict(aliases=dict(_delete_=True))  # the released code has them for VOC alone
test_dataloader = dict(dataset=_base_.coco14_train)
