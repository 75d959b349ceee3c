# The paper on MS COCO 2014; the maps and masks of all training images are judged
from qaclims_mm.paths import config_path
from qaclims_mm.workflow import method
from qaclims_mm.workflow.method import chain, paper_table

work_dir = 'work_dirs/coco14'
configs = dict(
    qape='configs/qape/blip-vqa-base_fg6-bg10_coco14-480x480.py',
    cam='configs/cam/cam_r50_2xb8-5e_coco14-512x512.py',
    qa_clims='configs/qa_clims/qa-clims_r50_clip-vitl14-mask_2xb4-15e_coco14-512x512.py',
    ir_label='configs/irn/ir-label_crf_qa-clims_coco14-full.py',
    irn='configs/irn/irn_r50_qa-clims_1xb32-3e_coco14-512x512.py',
    segment='configs/deeplabv2/deeplabv2_r101_qa-clims-irn_1xb10-100k_coco14-321x321.py',
)
costs = config_path('pipelines/coco14_qa-clims.costs.json')
stages = chain(configs)
compared = dict(
    ritc='configs/qa_clims/ritc_r50_clip-vitl14-mask_2xb4-15e_coco14-512x512.py',
    clims='configs/clims/clims_r50_clip-vitb32_2xb16-8e_coco14-512x512.py',
    puzzle='configs/puzzle_cam/puzzle-cam_r50_2xb8-5e_coco14-512x512.py',
    clip_cam='configs/clip_cam/clip-cam_clip-vitb16_coco14-448x448.py',
    clip_es='configs/clip_es/clip-es_clip-vitb16_coco14-448x448.py',
    weclip='configs/weclip/weclip_clip-vitb16_1xb4-80k_coco14-320x320.py',
    weclip_test='configs/weclip/weclip-val_clip-vitb16_1xb4-80k_coco14-320x320.py',
)
# of qaclims run --masks-by and of qaclims compare
sam3 = 'configs/prompted/prompted_sam3_{}_coco14-full.py'
masks = dict(
    par='configs/par/par_qa-clims_coco14-full.py',
    sam='configs/sam/sam_vit-h_qa-clims_coco14-full.py',
    prompted=sam3.format('labels'),
    prompted_answers=sam3.format('answers'),
    prompted_maps=sam3.format('qa-clims'),
)
comparators = [*method.comparators(compared), *method.mask_stages(configs | masks)]
# the paper's mIoU on COCO val
paper = dict(segment_test=43.2)
table = paper_table(mask_threshold=0.25, paper=paper)
