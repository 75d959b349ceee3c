# From pictures and labels to a segmentor on MiniWorld (quickstart): answers, texts, the baseline,
# QA-CLIMS, IRN, DeepLabV2; then, to compare, RITC without the answers and DeepLabV2 on true masks
work_dir = 'work_dirs/miniworld'
configs = 'configs/miniworld'
qape = f'{configs}/qape_blip-mini_fg6-bg10_miniworld-112x112.py'
cam = f'{configs}/cam_r18-mini_1xb16-3e_miniworld-112x112.py'
ritc = f'{configs}/ritc_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112.py'
ir_label = f'{configs}/ir-label_crf_miniworld-112x112.py'
irn = f'{configs}/irn_r18-mini_1xb16-10e_miniworld-112x112.py'
segment = f'{configs}/deeplabv2_r18-mini_qa-clims-irn_1xb16-10e_miniworld-112x112.py'
segment_full = f'{configs}/deeplabv2_r18-mini_full_1xb16-10e_miniworld-112x112.py'
qa_clims = f'{configs}/qa-clims_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112.py'


def train_and_test(
    name: str,
    config: str,
    epochs: int,
    needs: list[str],
    about: str,
    second: tuple[str, str] = ('maps', 'its activation maps and their mIoU'),
    reads: tuple[str, ...] = (),
) -> list[dict]:
    """Return two stages: training, and what the last epoch predicts with its mIoU."""
    return [
        dict(
            name=name,
            tool='train.py',
            about=about,
            config=config,
            needs=needs,
            seeded=True,
            ranks=1,
        ),
        dict(
            name=f'{name}_{second[0]}',
            tool='test.py',
            about=second[1],
            config=config,
            checkpoint=f'{{work_dir}}/{name}/epoch_{epochs}.pth',
            folder=name,
            needs=[name, *reads],
        ),
    ]


machine = '2 cores without a GPU (docs/benchmarks.md)'
# {stage: (minutes, megabytes)}, measured
costs = dict(
    data=(0.2, 35),
    qape=(1.5, 1),
    cam=(1.7, 12),
    cam_maps=(0.6, 4),
    texts=(0.1, 1),
    qa_clims=(5.6, 12),
    qa_clims_maps=(0.6, 4),
    upper_bound=(0.4, 1),
    ir_label=(0.4, 2),
    irn=(1.5, 12),
    irn_masks=(0.6, 2),
    sheet=(0.2, 1),
    segment=(1.3, 18),
    segment_test=(0.2, 1),
    segment_full=(1.3, 18),
    segment_full_test=(0.2, 1),
    ritc=(5.6, 12),
    ritc_maps=(0.6, 4),
)
judged = ('test', 'its mIoU on 300 other pictures')
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
    *train_and_test('qa_clims', qa_clims, 5, ['texts'], 'train QA-CLIMS: RITC with the answers'),
    dict(
        name='upper_bound',
        tool='clip_upper_bound.py',
        about='what CLIP makes of the true regions',
        config=qa_clims,
        folder='qa_clims',
        needs=['texts'],
    ),
    dict(
        name='ir_label',
        tool='test.py',
        about='what is sure of the maps, by a dense CRF',
        config=ir_label,
        checkpoint='none',
        needs=['qa_clims_maps'],
    ),
    *train_and_test(
        'irn',
        irn,
        10,
        ['ir_label'],
        'train IRN on it',
        ('masks', 'the maps spread by it: masks and their mIoU'),
        reads=('qa_clims_maps',),
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
    *train_and_test('segment', segment, 10, ['irn_masks'], 'train DeepLabV2 on them', judged),
    *train_and_test(
        'segment_full', segment_full, 10, ['data'], 'train DeepLabV2 on true masks', judged
    ),
    *train_and_test(
        'ritc', ritc, 5, ['texts'], 'train RITC without QAPE: the class against "no class"'
    ),
]
for stage in stages:
    stage['minutes'], stage['megabytes'] = costs[stage['name']]
table = dict(
    rows=dict(
        cam='CAM, the baseline',
        ritc='RITC without QAPE',
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
        'mask/mIoU@0.25': 'masks',
        'seg/mIoU': 'val mIoU',
    },
)
