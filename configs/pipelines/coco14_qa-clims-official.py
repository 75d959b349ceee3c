# The same with the formulas and numbers of the released code
from qaclims_mm.workflow.method import chain, paper_table

_base_ = './coco14_qa-clims.py'
work_dir = 'work_dirs/coco14-official'
configs = dict(
    qape='configs/qape/blip-vqa-base_fg6-bg10-official_coco14-480x480.py',
    cam='configs/cam/cam_r50_official_2xb8-5e_coco14-512x512.py',
    qa_clims='configs/qa_clims/qa-clims_r50_clip-vitl14-mask-official_2xb4-15e_coco14-512x512.py',
    ir_label='configs/irn/ir-label_crf_qa-clims-official_coco14-full.py',
    irn='configs/irn/irn_r50_qa-clims-official_1xb32-3e_coco14-512x512.py',
    segment='configs/deeplabv2/deeplabv2_r101_qa-clims-irn_1xb10-100k_coco14-321x321.py',
)
stages = chain(configs)
judged = paper_table(mask_threshold=0.2, paper=_base_.paper)
table = dict(_delete_=True, **judged)  # another threshold
