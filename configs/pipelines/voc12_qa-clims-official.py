# The same with the formulas and numbers of the released code
from qaclims_mm.workflow.method import chain, paper_table

_base_ = './voc12_qa-clims.py'
work_dir = 'work_dirs/voc12-official'
qa_clims = 'configs/qa_clims/qa-clims_r50_clip-vitl14-mask-official{}_2xb4-15e_voc12aug-512x512.py'
irn = 'configs/irn/irn_r50_qa-clims-official{}_1xb32-3e_voc12aug-512x512.py'
configs = dict(
    qape='configs/qape/blip-vqa-base_fg6-bg10-official_voc12aug-480x480.py',
    cam='configs/cam/cam_r50_official_2xb8-5e_voc12aug-512x512.py',
    qa_clims=qa_clims.format(''),
    qa_clims_export=qa_clims.format('-export'),
    ir_label='configs/irn/ir-label_crf_qa-clims-official_voc12aug-full.py',
    irn=irn.format(''),
    irn_export=irn.format('-export'),
    segment='configs/deeplabv2/deeplabv2_r101_qa-clims-irn-official_1xb10-60k_voc12aug-321x321.py',
)
stages = chain(configs)
judged = paper_table(mask_threshold=0.2, paper=_base_.paper)
table = dict(_delete_=True, **judged)  # another threshold
