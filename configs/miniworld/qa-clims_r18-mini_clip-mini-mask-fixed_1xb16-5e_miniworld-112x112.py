# RITC on fixed texts: QA-CLIMS but for the answers
_base_ = './qa-clims_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112.py'
work_dir = 'work_dirs/miniworld/fixed'
corpus = '{work_dir}/../qape_fixed/corpus'
texts = '{work_dir}/texts'
