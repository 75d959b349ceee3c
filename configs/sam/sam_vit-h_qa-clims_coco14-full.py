# QA-CLIMS's maps refined by the masks that SAM proposes for them, in place of IRN
_base_ = '../par/par_qa-clims_coco14-full.py'
work_dir = f'{_base_.root}/sam'
model = dict(
    _delete_=True,  # PAR's options
    type='SAMRefiner',
    sam=dict(model='facebook/sam-vit-huge', dtype=None),  # or a folder; bfloat16 on a GPU
)
