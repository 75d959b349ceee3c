# The strong preset on PASCAL VOC 2012: answers by a chat model, maps by QA-CLIMS on DINOv3, masks,
# and EoMT on DINOv3
from qaclims_mm.paths import config_path
from qaclims_mm.workflow.method import chain, mask_stages

_base_ = './voc12_qa-clims.py'
work_dir = 'work_dirs/voc12-strong'
qa_clims = 'configs/qa_clims/qa-clims_dinov3-s16_clip-vitl14-mask-strong{}_2xb4-15e_{}.py'
eomt = 'configs/eomt/eomt_dinov3-l16_qa-clims-irn-strong_2xb8-30k_voc12aug-512x512.py'
configs = dict(
    qape='configs/qape/qwen2.5-vl-3b_fg6-bg10_voc12aug-full.py',
    cam='configs/cam/cam_dinov3-s16_strong_2xb8-5e_voc12aug-512x512.py',
    qa_clims=qa_clims.format('', 'voc12aug-512x512'),
    qa_clims_export=qa_clims.format('-export', 'voc12aug-512x512'),
    segment=eomt,
)
costs = config_path('pipelines/voc12_strong.costs.json')
all_configs = {**_base_.configs, **configs}
masks_by = 'prompted+maps'
stages = chain(all_configs)
comparators = mask_stages({**all_configs, **_base_.masks})
table = dict(paper=dict(_delete_=True))  # the paper's numbers are of other networks
