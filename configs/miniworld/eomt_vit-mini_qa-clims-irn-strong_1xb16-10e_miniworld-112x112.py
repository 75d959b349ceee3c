_base_ = './eomt_vit-mini_qa-clims-irn_1xb16-10e_miniworld-112x112.py'
work_dir = f'{_base_.root}/segment'
