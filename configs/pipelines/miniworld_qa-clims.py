# From pictures and labels to a segmentor on MiniWorld (quickstart): answers, texts, the baseline,
# QA-CLIMS, IRN, DeepLabV2; then, to compare, DeepLabV2 on true masks
from qaclims_mm.workflow.stages import encode_texts, prediction, report, training

work_dir = 'work_dirs/miniworld'
configs = 'configs/miniworld'
qape = f'{configs}/qape_blip-mini_fg6-bg10_miniworld-112x112.py'
cam = f'{configs}/cam_r18-mini_1xb16-3e_miniworld-112x112.py'
ritc = f'{configs}/ritc_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112.py'
ir_label = f'{configs}/ir-label_crf_miniworld-112x112.py'
clims = f'{configs}/clims_r18-mini_clip-mini_1xb16-5e_miniworld-112x112.py'
clip_cam = f'{configs}/clip-cam_clip-mini_miniworld-112x112.py'
puzzle = f'{configs}/puzzle-cam_r18-mini_1xb16-3e_miniworld-112x112.py'
qape_fixed = f'{configs}/qape_fixed_fg6-bg10_miniworld-112x112.py'
fixed = f'{configs}/qa-clims_r18-mini_clip-mini-mask-fixed_1xb16-5e_miniworld-112x112.py'
irn = f'{configs}/irn_r18-mini_1xb16-10e_miniworld-112x112.py'
segment = f'{configs}/deeplabv2_r18-mini_qa-clims-irn_1xb16-10e_miniworld-112x112.py'
segment_full = f'{configs}/deeplabv2_r18-mini_full_1xb16-10e_miniworld-112x112.py'
qa_clims = f'{configs}/qa-clims_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112.py'
machine = '2 cores without a GPU (docs/benchmarks.md)'
# {stage: (minutes, megabytes)}, measured
costs = dict(
    data=(0.2, 35),
    qape=(1.4, 1),
    cam=(1.7, 12),
    cam_maps=(0.5, 4),
    texts=(0.1, 1),
    qa_clims=(5.4, 12),
    qa_clims_maps=(0.4, 4),
    upper_bound=(0.3, 1),
    ir_label=(0.2, 2),
    irn=(1.4, 12),
    irn_masks=(0.5, 2),
    sheet=(0.1, 1),
    segment=(1.2, 18),
    segment_test=(0.1, 1),
    report=(0.2, 2),
    segment_full=(1.2, 18),
    segment_full_test=(0.1, 1),
    ritc=(5.4, 12),
    ritc_maps=(0.4, 4),
    clims=(5.4, 12),
    clims_maps=(0.4, 4),
    puzzle=(2, 12),
    puzzle_maps=(0.4, 4),
    qape_fixed=(0.1, 1),
    fixed_texts=(0.1, 1),
    fixed=(5.4, 12),
    fixed_maps=(0.4, 4),
    clip_cam_maps=(0.4, 4),
)
maps = 'its activation maps and their mIoU'
judged = 'its mIoU on 300 other pictures'
stages = [
    dict(
        name='data',
        tool='make_miniworld.py',
        about='draw 1800 pictures of eight classes',
        args=['--root', 'data/miniworld'],
    ),
    prediction('qape', qape, 'ask BLIP the 16 questions about every picture and class', ['data']),
    training('cam', cam, 'train the classifier, the conventional CAM', ['data']),
    prediction('cam_maps', cam, maps, ['cam'], of='cam'),
    encode_texts('texts', qa_clims, ['qape']),
    training('qa_clims', qa_clims, 'train QA-CLIMS: RITC with the answers', ['texts']),
    prediction('qa_clims_maps', qa_clims, maps, ['qa_clims'], of='qa_clims'),
    dict(
        name='upper_bound',
        tool='upper_bound.py',
        about='what CLIP makes of the true regions',
        config=qa_clims,
        folder='qa_clims',
        needs=['texts'],
    ),
    prediction('ir_label', ir_label, 'what is sure of the maps, by a dense CRF', ['qa_clims_maps']),
    training('irn', irn, 'train IRN on it', ['ir_label']),
    prediction(
        'irn_masks',
        irn,
        'the maps spread by it: masks and their mIoU',
        ['irn', 'qa_clims_maps'],
        of='irn',
    ),
    dict(
        name='sheet',
        tool='visualize_cams.py',
        about='draw a sheet of maps, masks and texts',
        config=qa_clims,
        folder='qa_clims',
        args=[
            '--cams',
            'CAM={work_dir}/cam/cams',
            'QA-CLIMS={work_dir}/qa_clims/cams',
            '--masks',
            'IRN={work_dir}/irn/pseudo_masks',
            '--corpus',
            '{work_dir}/qape/corpus',
            '--out',
            '{work_dir}/sheet.png',
        ],
        needs=['cam_maps', 'qa_clims_maps', 'irn_masks'],
    ),
    training('segment', segment, 'train DeepLabV2 on them', ['irn_masks']),
    prediction('segment_test', segment, judged, ['segment'], of='segment'),
    report(['sheet', 'segment_test']),
    training('segment_full', segment_full, 'train DeepLabV2 on true masks', ['data']),
    prediction('segment_full_test', segment_full, judged, ['segment_full'], of='segment_full'),
]
# of suites alone
comparators = [
    training('ritc', ritc, 'train RITC without QAPE: the class against "no class"', ['texts']),
    prediction('ritc_maps', ritc, maps, ['ritc'], of='ritc'),
    training('clims', clims, 'train CLIMS, whose texts are fixed', ['data']),
    prediction('clims_maps', clims, maps, ['clims'], of='clims'),
    training('puzzle', puzzle, 'train Puzzle-CAM', ['data']),
    prediction('puzzle_maps', puzzle, maps, ['puzzle'], of='puzzle'),
    prediction('qape_fixed', qape_fixed, 'fixed texts of each class as answers', ['data']),
    encode_texts('fixed_texts', fixed, ['qape_fixed'], folder='fixed'),
    training('fixed', fixed, 'train RITC on fixed texts', ['fixed_texts']),
    prediction('fixed_maps', fixed, maps, ['fixed'], of='fixed'),
    prediction('clip_cam_maps', clip_cam, 'maps of CLIP alone', ['data'], folder='clip_cam'),
]
for stage in (*stages, *comparators):
    stage['minutes'], stage['megabytes'] = costs[stage['name']]
table = dict(
    rows=dict(
        cam='CAM, the baseline',
        qa_clims='QA-CLIMS',
        upper_bound='bound: CLIP on true regions',
        irn='QA-CLIMS + IRN, masks',
        segment='DeepLabV2 on the masks',
        segment_full='DeepLabV2 on true masks',
    ),
    columns={
        'cam/mIoU': 'best mIoU',
        'cam/mIoU@0.15': 'at 0.15',
        'cam/false_activation': 'false',
        'cam/under_activation': 'under',
        'mask/mIoU@0.25': 'masks at 0.25',
        'seg/mIoU': 'val mIoU',
    },
)
