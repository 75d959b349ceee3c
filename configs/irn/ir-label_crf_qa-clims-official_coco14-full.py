_base_ = ['./ir-label_crf_qa-clims-official_voc12aug-full.py', '../_base_/datasets/coco14.py']
ir_label = dict(cams=f'{_base_.root}/qa_clims_maps/cams')
test_dataloader = dict(dataset=dict(**_base_.coco14_train))
