# The main job on MiniWorld up to the sheet (quickstart): answers, texts, the baseline, QA-CLIMS;
# then RITC without the answers, to compare
work_dir = 'work_dirs/miniworld'
configs = 'configs/miniworld'
qape = f'{configs}/qape_blip-mini_fg6-bg10_miniworld-112x112.py'
cam = f'{configs}/cam_r18-mini_1xb16-3e_miniworld-112x112.py'
ritc = f'{configs}/ritc_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112.py'
qa_clims = f'{configs}/qa-clims_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112.py'


def train_and_test(name: str, config: str, epochs: int, needs: list[str], about: str) -> list[dict]:
    """Return two stages: training, and the maps of the last epoch with their mIoU."""
    return [
        dict(name=name, tool='train.py', about=about, config=config, needs=needs, seeded=True),
        dict(
            name=f'{name}_maps',
            tool='test.py',
            about='its activation maps and their mIoU',
            config=config,
            checkpoint=f'{{work_dir}}/{name}/epoch_{epochs}.pth',
            folder=name,
            needs=[name],
        ),
    ]


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
    *train_and_test('cam', cam, 3, ['data'], 'train the classifier, the conventional CAM'),
    dict(
        name='texts',
        tool='encode_texts.py',
        about='encode each distinct text with CLIP',
        config=qa_clims,
        folder='qa_clims',
        needs=['qape'],
    ),
    *train_and_test(
        'qa_clims', qa_clims, 5, ['cam', 'texts'], 'train QA-CLIMS: RITC with the answers'
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
    *train_and_test(
        'ritc', ritc, 5, ['cam', 'texts'], 'train RITC without QAPE: the class against "no class"'
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
