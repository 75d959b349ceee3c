# From pictures and labels to a segmentor on MiniWorld (quickstart): answers, texts, the baseline,
# QA-CLIMS, IRN, DeepLabV2; then, to compare, DeepLabV2 on ground truth
from qaclims_mm.paths import config_path
from qaclims_mm.workflow import method
from qaclims_mm.workflow.method import chain, prediction, texts_and_maps, training

work_dir = 'work_dirs/miniworld'
mini = 'configs/miniworld/{}_miniworld-112x112.py'
configs = dict(
    qape=mini.format('qape_blip-mini_fg6-bg10'),
    cam=mini.format('cam_r18-mini_1xb16-3e'),
    qa_clims=mini.format('qa-clims_r18-mini_clip-mini-mask_1xb16-5e'),
    ir_label=mini.format('ir-label_crf'),
    irn=mini.format('irn_r18-mini_1xb16-10e'),
    segment=mini.format('deeplabv2_r18-mini_qa-clims-irn_1xb16-10e'),
)
full = mini.format('deeplabv2_r18-mini_full_1xb16-10e')
costs = config_path('pipelines/miniworld_qa-clims.costs.json')
judged = 'segment 300 other pictures and score the masks'
data = dict(
    name='data',
    command='make-miniworld',
    about='draw 1800 pictures of eight classes',
    args=['--root', 'data/miniworld'],
    made=['data/miniworld'],
)
bound = dict(
    name='upper_bound',
    command='upper-bound',
    about='score CLIP on ground-truth regions',
    config=configs['qa_clims'],
    needs=['texts'],
)
sheet = dict(
    name='sheet',
    command='visualize-cams',
    about='draw a sheet of maps, masks and texts',
    config=configs['qa_clims'],
    args=[
        '--cams',
        'CAM={work_dir}/cam_maps/cams',
        'QA-CLIMS={work_dir}/qa_clims_maps/cams',
        '--masks',
        '{masks}',
        '--corpus',
        '{work_dir}/qape/corpus',
        '--out',
        '{work_dir}/sheet.png',
    ],
    made=['{work_dir}/sheet.png'],
    needs=['cam_maps', 'qa_clims_maps', 'irn_masks'],
)
*main, page = chain(configs, judged, data=['data'], starts_from_cam=False)
page['needs'] = ['upper_bound', 'sheet', 'segment_test']
stages = [
    data,
    *main,
    bound,
    sheet,
    page,
    training('segment_full', full, 'train DeepLabV2 on ground truth', ['data']),
    prediction('segment_full_test', full, judged, ['segment_full'], of='segment_full'),
]
# of suites alone
compared = dict(
    ritc=mini.format('ritc_r18-mini_clip-mini-mask_1xb16-5e'),
    clims=mini.format('clims_r18-mini_clip-mini_1xb16-5e'),
    puzzle=mini.format('puzzle-cam_r18-mini_1xb16-3e'),
    clip_cam=mini.format('clip-cam_clip-mini'),
    clip_es=mini.format('clip-es_clip-mini'),
    weclip=mini.format('weclip_clip-mini_1xb16-3e'),
    weclip_test=mini.format('weclip-val_clip-mini_1xb16-3e'),
)
# of qaclims run --masks-by and of qaclims compare
masks = dict(
    par=mini.format('par_qa-clims'),
    sam=mini.format('sam_random_qa-clims'),
    prompted=mini.format('prompted_clipseg-mini_labels'),
    prompted_answers=mini.format('prompted_clipseg-mini_answers'),
    prompted_maps=mini.format('prompted_clipseg-mini_qa-clims'),
)
# the baseline's maps refined as QA-CLIMS's are
of_cam = dict(
    cam_par=mini.format('par_cam'),
    cam_prompted_maps=mini.format('prompted_clipseg-mini_cam'),
    cam_ir_label=mini.format('ir-label_crf_cam'),
    cam_irn=mini.format('irn_r18-mini_cam_1xb16-10e'),
)
qape_fixed = mini.format('qape_fixed_fg6-bg10')
# the word of its config; the stage has _ in the place of -
other_texts = (
    'fixed-fg',
    'fixed-right',
    'fixed-scene',
    'answers-any',
    'answers-class',
    'answers-fixed',
)
ritc_on = mini.format('qa-clims_r18-mini_clip-mini-mask-{}_1xb16-5e')
about_other = 'train RITC on other texts'
comparators = [
    *method.comparators(compared, ['data'], starts_from_cam=False),
    prediction('qape_fixed', qape_fixed, 'fixed texts of each class as answers', ['data']),
    *texts_and_maps('fixed', ritc_on.format('fixed'), 'train RITC on fixed texts', ['qape_fixed']),
    *(
        stage
        for word in other_texts
        for stage in texts_and_maps(
            word.replace('-', '_'), ritc_on.format(word), about_other, ['qape']
        )
    ),
    *method.mask_stages(masks, ['data']),
    *method.refined_baseline(of_cam),
]
table = dict(
    rows=dict(
        cam_maps='CAM, the baseline',
        qa_clims_maps='QA-CLIMS',
        upper_bound='bound: CLIP on ground-truth regions',
        **method.MASK_ROWS,
        segment_test='DeepLabV2 on the masks',
        segment_full_test='DeepLabV2 on ground truth',
    ),
    columns={
        'cam/mIoU': 'best mIoU',
        'cam/mIoU@0.15': 'at 0.15',
        'cam/false_activation': 'false',
        'cam/under_activation': 'under',
        'mask/mIoU': 'masks, best',
        'mask/mIoU@0.25': 'at 0.25',
        'seg/mIoU': 'val mIoU',
    },
)
