# The paper on PASCAL VOC 2012: answers, texts, the baseline, QA-CLIMS, IRN, DeepLabV2. Folders
# carry the names of the configs, which find each other by them. Megabytes are upper bounds by
# arithmetic: 10582 images of 375 x 500 pixels with 1.55 classes. Times have not been measured.
from pathlib import Path
from typing import Any

work_dir = 'work_dirs'
qape = 'configs/qape/blip-vqa-base_fg6-bg10_voc12aug-480x480.py'
cam = 'configs/cam/cam_r50_2xb8-5e_voc12aug-512x512.py'
qa_clims = 'configs/qa_clims/qa-clims_r50_clip-vitl14-mask_2xb4-15e_voc12aug-512x512.py'
qa_clims_export = qa_clims.replace('mask_2xb4', 'mask-export_2xb4')
ir_label = 'configs/irn/ir-label_crf_qa-clims_voc12aug-full.py'
irn = 'configs/irn/irn_r50_qa-clims_1xb32-3e_voc12aug-512x512.py'
irn_export = irn.replace('qa-clims_1xb32', 'qa-clims-export_1xb32')
segment = 'configs/deeplabv2/deeplabv2_r101_qa-clims-irn_1xb5-30k_voc12aug-321x321.py'


def run(name: str, tool: str, config: str, about: str, needs: tuple[str, ...], **more: Any) -> dict:
    """Return a stage in the folder of its config."""
    return dict(
        name=name,
        tool=tool,
        config=config,
        about=about,
        needs=needs,
        folder=Path(config).stem,
        seeded=tool == 'train.py',
        **more,
    )


def test(
    name: str,
    config: str,
    trained: str,
    last: str,
    about: str,
    needs: tuple[str, ...],
    megabytes: float,
) -> dict:
    """Return a test run of the last checkpoint in the folder of another config's training."""
    checkpoint = f'{{work_dir}}/{Path(trained).stem}/{last}.pth'
    return run(name, 'test.py', config, about, needs, checkpoint=checkpoint, megabytes=megabytes)


stages = [
    run(
        'qape',
        'test.py',
        qape,
        'ask BLIP the 16 questions about every image and class',
        (),
        checkpoint='none',
        megabytes=30,
    ),
    run('cam', 'train.py', cam, 'train the classifier', (), ranks=2, megabytes=400),
    test('cam_maps', cam, cam, 'epoch_5', 'its maps and their mIoU', ('cam',), 500),
    run(
        'texts',
        'encode_texts.py',
        qa_clims,
        'encode each distinct text with CLIP',
        ('qape',),
        megabytes=50,
    ),
    run(
        'qa_clims', 'train.py', qa_clims, 'train QA-CLIMS', ('cam', 'texts'), ranks=2, megabytes=400
    ),
    test(
        'qa_clims_maps',
        qa_clims,
        qa_clims,
        'epoch_15',
        'its maps of train and their mIoU',
        ('qa_clims',),
        500,
    ),
    test(
        'qa_clims_export',
        qa_clims_export,
        qa_clims,
        'epoch_15',
        'its maps of trainaug',
        ('qa_clims',),
        3500,
    ),
    run(
        'ir_label',
        'test.py',
        ir_label,
        'what is sure of the maps, by a dense CRF',
        ('qa_clims_export',),
        checkpoint='none',
        megabytes=150,
    ),
    run('irn', 'train.py', irn, 'train IRN on it', ('ir_label',), ranks=1, megabytes=250),
    test(
        'irn_masks',
        irn,
        irn,
        'epoch_3',
        'the maps spread by it: masks of train and their mIoU',
        ('irn', 'qa_clims_export'),
        20,
    ),
    test(
        'irn_export',
        irn_export,
        irn,
        'epoch_3',
        'masks of trainaug',
        ('irn', 'qa_clims_export'),
        150,
    ),
    run(
        'segment',
        'train.py',
        segment,
        'train DeepLabV2 on them',
        ('irn_export',),
        ranks=1,
        megabytes=1000,
    ),
    test('segment_test', segment, segment, 'iter_30000', 'its mIoU on val', ('segment',), 1),
]
table = dict(
    rows={
        Path(cam).stem: 'CAM, the baseline',
        Path(qa_clims).stem: 'QA-CLIMS',
        Path(irn).stem: 'QA-CLIMS + IRN, masks',
        Path(segment).stem: 'DeepLabV2 on the masks',
    },
    columns={
        'cam/mIoU': 'best mIoU',
        'cam/mIoU@0.15': 'at 0.15',
        'mask/mIoU@0.25': 'masks',
        'seg/mIoU': 'val mIoU',
    },
)
