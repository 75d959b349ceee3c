# From pictures and labels to a segmentor on MiniWorld (quickstart): answers, texts, the baseline,
# QA-CLIMS, IRN, DeepLabV2; then, to compare, DeepLabV2 on true masks
from qaclims_mm.paths import config_path
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
costs = config_path('pipelines/miniworld_qa-clims.costs.json')
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
