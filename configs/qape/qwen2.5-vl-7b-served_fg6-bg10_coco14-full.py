_base_ = ['./qwen2.5-vl-7b-served_fg6-bg10_voc12aug-full.py', '../_base_/datasets/coco14.py']
test_dataloader = dict(dataset=_base_.coco14_train)
