# The main job on MiniWorld up to the sheet (quickstart): answers, texts, the baseline, QA-CLIMS;
# then RITC without the answers, to compare
work_dir = 'work_dirs/miniworld'
configs = 'configs/miniworld'
qape = f'{configs}/qape_blip-mini_fg6-bg10_miniworld-112x112.py'
cam = f'{configs}/cam_r18-mini_1xb16-3e_miniworld-112x112.py'
ritc = f'{configs}/ritc_r18-mini_clip-mini-mask_1xb16-4e_miniworld-112x112.py'
qa_clims = f'{configs}/qa-clims_r18-mini_clip-mini-mask_1xb16-4e_miniworld-112x112.py'

stages = [
    dict(
        name='data',
        tool='make_miniworld.py',
        about='draw 1800 pictures of eight classes',
        args=['--root', 'data/miniworld'],
    ),
    dict(
        name='qape',
        tool='test.py',
        about='ask BLIP the 16 questions about every picture and class',
        config=qape,
        checkpoint='none',
        needs=['data'],
    ),
    dict(
        name='cam',
        tool='train.py',
        about='train the classifier, the conventional CAM',
        config=cam,
        needs=['data'],
        seeded=True,
    ),
    dict(
        name='cam_maps',
        tool='test.py',
        about='its activation maps and their mIoU',
        config=cam,
        checkpoint='{work_dir}/cam/epoch_3.pth',
        folder='cam',
        needs=['cam'],
    ),
    dict(
        name='texts',
        tool='encode_texts.py',
        about='encode each distinct text with CLIP',
        config=qa_clims,
        folder='qa_clims',
        needs=['qape'],
    ),
    dict(
        name='qa_clims',
        tool='train.py',
        about='train QA-CLIMS: RITC with the answers',
        config=qa_clims,
        needs=['cam', 'texts'],
        seeded=True,
    ),
    dict(
        name='qa_clims_maps',
        tool='test.py',
        about='its activation maps and their mIoU',
        config=qa_clims,
        checkpoint='{work_dir}/qa_clims/epoch_4.pth',
        folder='qa_clims',
        needs=['qa_clims'],
    ),
    dict(
        name='upper_bound',
        tool='clip_upper_bound.py',
        about='what CLIP makes of the true regions',
        config=qa_clims,
        folder='qa_clims',
        needs=['texts'],
    ),
    dict(
        name='sheet',
        tool='visualize_cams.py',
        about='draw a sheet of maps and texts',
        config=qa_clims,
        folder='qa_clims',
        args=[
            '--cams',
            'CAM={work_dir}/cam/cams',
            'QA-CLIMS={work_dir}/qa_clims/cams',
            '--corpus',
            '{work_dir}/qape/corpus',
            '--out',
            '{work_dir}/sheet.png',
        ],
        needs=['cam_maps', 'qa_clims_maps'],
    ),
    dict(
        name='ritc',
        tool='train.py',
        about='train RITC without QAPE: the class against "no class"',
        config=ritc,
        needs=['cam', 'texts'],
        seeded=True,
    ),
    dict(
        name='ritc_maps',
        tool='test.py',
        about='its activation maps and their mIoU',
        config=ritc,
        checkpoint='{work_dir}/ritc/epoch_4.pth',
        folder='ritc',
        needs=['ritc'],
    ),
]
table = dict(
    rows=dict(
        cam='CAM, the baseline',
        ritc='RITC without QAPE',
        qa_clims='QA-CLIMS',
        upper_bound='bound: CLIP on true regions',
    ),
    columns={
        'cam/mIoU': 'best mIoU',
        'cam/mIoU@0.15': 'at 0.15',
        'cam/false_activation': 'false',
        'cam/under_activation': 'under',
        'cam/recognised': 'named right',
    },
)
