_base_ = ['./ir-label_crf_qa-clims_voc12aug-full.py', '../_base_/datasets/coco14.py']
work_dir = 'work_dirs/coco14/ir_label'
cams = '{work_dir}/../qa_clims/cams'
test_dataloader = dict(dataset=_base_.coco14_train)
