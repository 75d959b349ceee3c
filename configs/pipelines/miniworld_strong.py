# The strong preset at the size of MiniWorld: answers, maps by QA-CLIMS on a ViT, masks, and EoMT on
# that ViT
from qaclims_mm.paths import config_path
from qaclims_mm.workflow.method import MASK_ROWS, chain, mask_stages

_base_ = './miniworld_qa-clims.py'
work_dir = 'work_dirs/miniworld-strong'
mini = 'configs/miniworld/{}_miniworld-112x112.py'
configs = dict(
    cam=mini.format('cam_vit-mini_strong_1xb16-3e'),
    qa_clims=mini.format('qa-clims_vit-mini_clip-mini-mask-strong_1xb16-5e'),
    segment=mini.format('eomt_vit-mini_qa-clims-irn-strong_1xb16-10e'),
)
costs = config_path('pipelines/miniworld_strong.costs.json')
masks_by = 'prompted+maps'
stages = [
    _base_.data,
    *chain({**_base_.configs, **configs}, _base_.judged, data=['data'], starts_from_cam=False),
]
comparators = mask_stages(_base_.masks, ['data'])
table = dict(
    rows=dict(
        _delete_=True,  # those of stages that are not here
        cam_maps='CAM on a ViT',
        qa_clims_maps='QA-CLIMS on a ViT',
        **MASK_ROWS,
        segment_test='EoMT on the masks',
    )
)
