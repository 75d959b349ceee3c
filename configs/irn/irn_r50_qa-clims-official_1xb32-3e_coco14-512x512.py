_base_ = [
    './irn_r50_qa-clims-official_1xb32-3e_voc12aug-512x512.py',
    '../_base_/datasets/coco14.py',
]
work_dir = 'work_dirs/coco14-official/irn'
cams = '{work_dir}/../qa_clims/cams'
train_dataloader = dict(dataset=_base_.coco14_train)
test_dataloader = dict(dataset=_base_.coco14_train)
