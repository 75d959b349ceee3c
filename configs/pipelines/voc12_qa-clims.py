# The paper on PASCAL VOC 2012: answers, texts, the baseline, QA-CLIMS, IRN, DeepLabV2
from qaclims_mm.paths import config_path
from qaclims_mm.workflow import method
from qaclims_mm.workflow.method import chain, paper_table

work_dir = 'work_dirs/voc12'
qa_clims = 'configs/qa_clims/qa-clims_r50_clip-vitl14-mask{}_2xb4-15e_voc12aug-512x512.py'
irn = 'configs/irn/irn_r50_qa-clims{}_1xb32-3e_voc12aug-512x512.py'
configs = dict(
    qape='configs/qape/blip-vqa-base_fg6-bg10_voc12aug-480x480.py',
    cam='configs/cam/cam_r50_2xb8-5e_voc12aug-512x512.py',
    qa_clims=qa_clims.format(''),
    qa_clims_export=qa_clims.format('-export'),
    ir_label='configs/irn/ir-label_crf_qa-clims_voc12aug-full.py',
    irn=irn.format(''),
    irn_export=irn.format('-export'),
    segment='configs/deeplabv2/deeplabv2_r101_qa-clims-irn_1xb5-30k_voc12aug-321x321.py',
)
costs = config_path('pipelines/voc12_qa-clims.costs.json')
stages = chain(configs)
compared = dict(
    ritc='configs/qa_clims/ritc_r50_clip-vitl14-mask_2xb4-15e_voc12aug-512x512.py',
    clims='configs/clims/clims_r50_clip-vitb32_1xb16-15e_voc12aug-512x512.py',
    puzzle='configs/puzzle_cam/puzzle-cam_r50_2xb8-5e_voc12aug-512x512.py',
    clip_cam='configs/clip_cam/clip-cam_clip-vitb16_voc12aug-448x448.py',
    clip_es='configs/clip_es/clip-es_clip-vitb16_voc12aug-448x448.py',
    weclip='configs/weclip/weclip_clip-vitb16_1xb4-30k_voc12aug-320x320.py',
    weclip_test='configs/weclip/weclip-val_clip-vitb16_1xb4-30k_voc12aug-320x320.py',
)
# of qaclims run --masks-by and of qaclims compare
sam3 = 'configs/prompted/prompted_sam3_{}_voc12aug-full.py'
masks = dict(
    par='configs/par/par_qa-clims_voc12aug-full.py',
    sam='configs/sam/sam_vit-h_qa-clims_voc12aug-full.py',
    prompted=sam3.format('labels'),
    prompted_export=sam3.format('labels-export'),
    prompted_answers=sam3.format('answers'),
    prompted_answers_export=sam3.format('answers-export'),
    prompted_maps=sam3.format('qa-clims'),
)
comparators = [*method.comparators(compared), *method.mask_stages(configs | masks)]
# the paper's mIoU on VOC train, of the segmentor on VOC val
paper = dict(cam_maps=48.3, qa_clims_maps=67.3, irn_masks=77.4, segment_test=72.4)
table = paper_table(mask_threshold=0.25, paper=paper)
