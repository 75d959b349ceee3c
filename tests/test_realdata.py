"""The shipped VOC configs on real photographs: full-size networks, random weights, real tools."""

import json
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader
from PIL import Image
from real_photographs import class_of, pick_two, read_list

from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.corpus.text_bank import TextBank
from qaclims_mm.datasets.voc12 import CLASSES, VOC12WeakDataset
from qaclims_mm.engine.compat import enable_mmseg_bases
from qaclims_mm.models.data_preprocessor import WeakDataPreprocessor
from qaclims_mm.schemas import Manifest, file_of, read_cams, read_json, read_mask

pytestmark = pytest.mark.realdata
ROOT = Path(__file__).resolve().parents[1]
QAPE = 'qape/blip-vqa-base_fg6-bg10_voc12aug-480x480.py'
CAM = 'cam/cam_r50_2xb8-5e_voc12aug-512x512.py'
RITC = 'qa_clims/qa-clims_r50_clip-vitb16_2xb4-15e_voc12aug-512x512.py'
IR_LABEL = 'irn/ir-label_crf_qa-clims_voc12aug-full.py'
IRN = 'irn/irn_r50_qa-clims_1xb32-3e_voc12aug-512x512.py'
DEEPLABS = {
    'v2': 'deeplabv2/deeplabv2_r101_qa-clims-irn_1xb5-30k_voc12aug-321x321.py',
    'v1': 'deeplabv1/deeplabv1_wr38_qa-clims-irn_1xb6-30k_voc12aug-512x512.py',
}
STEPS = 2


@pytest.fixture(scope='module')
def voc(realdata_dir):
    return realdata_dir / 'VOCdevkit/VOC2012'


@pytest.fixture(scope='module')
def labels(voc):
    """{image id: names of its classes} of the two photographs that the chain takes."""
    names = {image: tuple(map(class_of, labels)) for image, labels in pick_two(voc).items()}
    return {image: tuple(sorted(own, key=CLASSES.index)) for image, own in names.items()}


# --- reading --------------------------------------------------------------------------------------


def read_all(voc, ann_file, pipeline, **options):
    return VOC12WeakDataset(
        data_root=str(voc),
        ann_file=f'ImageSets/Segmentation/{ann_file}',
        labels_file='image_labels.csv',
        pipeline=pipeline,
        **options,
    )


@pytest.mark.parametrize('name', ['trainaug', 'val'])
def test_every_photograph_is_read(voc, name):
    pipeline = [
        dict(type='LoadRGBImage'),
        dict(type='LoadMask'),
        dict(type='PackWeakInputs'),
    ]
    dataset = read_all(voc, f'{name}.txt', pipeline, test_mode=True, strict=True)
    assert sorted(p['data_samples'].image_id for p in dataset) == sorted(read_list(voc, name))
    for packed in dataset:
        sample = packed['data_samples']
        with Image.open(voc / f'JPEGImages/{sample.image_id}.jpg') as image:
            assert tuple(packed['inputs'].shape) == (3, image.height, image.width)
        mask = sample.gt_sem_seg.data
        assert tuple(mask.shape[1:]) == sample.ori_shape
        # what was outlined was also named
        drawn = {CLASSES[k] for k in mask.unique().tolist() if k not in (0, 255)}
        assert drawn
        assert drawn <= set(sample.label_names), sample.image_id


def test_training_pipeline_of_the_config(voc):
    """Every photograph lies whole or cropped on its canvas, and only zeros are beside it."""
    enable_mmseg_bases()
    cfg = Config.fromfile(ROOT / 'configs' / CAM)
    dataset = read_all(voc, 'trainaug.txt', cfg.train_dataloader.dataset.pipeline, strict=True)
    to_canvas = WeakDataPreprocessor(size=cfg.model.data_preprocessor.size)
    np.random.seed(0)  # noqa: NPY002 - the state that the transforms read
    longest = []
    for packed in dataset:
        batch = {key: [value] for key, value in packed.items()}
        canvas = to_canvas(batch, training=True)['inputs']
        assert canvas.shape == (1, 3, 512, 512)
        height, width = packed['inputs'].shape[1:]
        top, left = packed['data_samples'].pad_offset
        laid = canvas[0, :, top : top + height, left : left + width]
        torch.testing.assert_close(laid, to_canvas.normalise(packed['inputs']))
        assert (canvas != 0).sum() == (laid != 0).sum()
        longest.append(max(height, width))
    # scaled to 320 to 640 px and cropped at 512
    assert min(longest) >= 320
    assert max(longest) <= 512


# --- the chain ------------------------------------------------------------------------------------


def leaf(folder, base, text):
    """Write a leaf over a shipped config."""
    path = folder / Path(base).name
    path.write_text(f"_base_ = '{ROOT / 'configs' / base}'\n{text}\n")
    return path


def run_tool(name, *arguments):
    """Run a tool in this process as the shell would, and demand that it succeeds."""
    before = sys.argv
    sys.argv = [name, *map(str, arguments)]
    try:
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(ROOT / 'tools' / name), run_name='__main__')
    finally:
        sys.argv = before
    assert stop.value.code == 0, stop.value.code


@pytest.fixture(scope='module')
def chain(voc, labels, tmp_path_factory):
    """Run corpus, baseline, text bank, RITC and maps; return the folder with all of it."""
    root = tmp_path_factory.mktemp('voc')
    patch = pytest.MonkeyPatch()
    patch.setenv('QACLIMS_ROOT', str(root))
    (root / 'list.txt').write_text('\n'.join(labels))
    data = dict(data_root=str(voc), labels_file='image_labels.csv', ann_file=f'{root}/list.txt')
    loaders = (
        f'data = dict(**{data!r})\n'
        'test_dataloader = dict(num_workers=0, dataset=data)\n'
        'train_dataloader = dict(\n'
        '    batch_size=2, num_workers=0, persistent_workers=False, dataset=data\n'
        ')\n'
    )
    # MiniWorld's vocabulary of 160 words stands in for BERT's, whose ids are other ones
    vocabulary = dict(
        vocab_size=160, bos_token_id=5, sep_token_id=3, eos_token_id=3, pad_token_id=0
    )
    qape = leaf(
        root,
        QAPE,
        f"vqa = dict(model='miniworld://blip', config=dict(text_config={vocabulary!r}))\n"
        'model = dict(vqa=dict(**vqa, encoder_token_id=6))\n'
        f'test_dataloader = dict(num_workers=0, dataset={data!r})\n',
    )
    run_tool('test.py', qape, 'none', '--work-dir', root / 'qape')
    cam = leaf(root, CAM, f'{loaders}model = dict(backbone=dict(init_cfg=None))\n')
    one_step = ['train_cfg.max_epochs=1', 'param_scheduler.0.end=1']
    run_tool('train.py', cam, '--work-dir', root / 'cam', '--cfg-options', *one_step)
    ritc = leaf(
        root,
        RITC,
        f"{loaders}load_from = f'{{_base_.root}}/cam/epoch_1.pth'\n"
        "model = dict(image_head=dict(pretrained=None, mask_prompt='random'))\n"
        'text_encoding = dict(text_head=dict(pretrained=None))\n'
        'default_hooks = dict(logger=dict(interval=1))\n',
    )
    run_tool('encode_texts.py', ritc, '--work-dir', root / 'ritc')
    two_steps = [f'train_cfg.max_epochs={STEPS}', f'param_scheduler.0.end={STEPS}']
    run_tool('train.py', ritc, '--work-dir', root / 'ritc', '--cfg-options', *two_steps)
    checkpoint = root / f'ritc/epoch_{STEPS}.pth'
    run_tool('test.py', ritc, checkpoint, '--work-dir', root / 'ritc')
    yield root
    patch.undo()


def state(path):
    return CheckpointLoader.load_checkpoint(str(path), map_location='cpu')['state_dict']


@pytest.mark.slow
def test_corpus(chain, labels):
    corpus = VQACorpus(chain / 'qape/corpus')
    assert corpus.image_ids == sorted(labels)
    for image_id, names in labels.items():
        rows = corpus[image_id]
        assert [r['class_name'] for r in rows[::16]] == list(names)
        assert len(rows) == 16 * len(names)
        assert len({r['question'] for r in rows}) == len(rows)
        for row in rows:
            assert row['class_name'] in row['question']
            assert row['score'] < 0
            if row['kind'] == 'fg' and row['text']:
                assert row['class_name'] in row['text']
    assert Manifest.read(chain / 'qape/corpus').failed == []


@pytest.mark.slow
def test_text_bank(chain, labels):
    bank = TextBank(chain / 'texts_vitb16/text_bank')
    assert bank.metadata['clip'] == 'ViT-B-16-quickgelu'
    assert bank.embeddings.shape == (len(bank.texts), 512)
    norms = bank.embeddings.float().norm(dim=1)
    torch.testing.assert_close(norms, torch.ones_like(norms), atol=2e-3, rtol=0)
    names = [name for own in labels.values() for name in own]
    assert {*names, *(f'no {name}' for name in names)} <= set(bank.texts)
    assert len(bank) == len(names)


@pytest.mark.slow
def test_training_log(chain):
    """What a user sees: every step with its losses, the learning rate of the backbone."""
    [log] = [p for p in (chain / 'ritc').glob('*/vis_data/*.json') if 'scalars' not in p.name]
    steps = [json.loads(line) for line in log.read_text().splitlines()]
    steps = [step for step in steps if 'loss_frc' in step]
    assert [step['step'] for step in steps] == [1, 2]
    assert steps[0]['lr'] == steps[0]['base_lr'] == 3.5e-4
    assert steps[1]['lr'] == 0
    for step in steps:
        parts = [step[f'loss_{name}'] for name in ('frc', 'brc', 'reg')]
        assert all(part > 0 for part in parts)
        assert step['loss'] == pytest.approx(sum(parts), rel=1e-4)
    logs = [path.read_text() for path in (chain / 'ritc').glob('*/*.log')]
    for checkpoint in ('cam/epoch_1.pth', f'ritc/epoch_{STEPS}.pth'):
        assert any(re.search(f'Load checkpoint from .*{checkpoint}', log) for log in logs)


@pytest.mark.slow
def test_what_was_trained(chain):
    """RITC goes on from the baseline, moves all but the stem, and keeps CLIP to itself."""
    before = state(chain / 'cam/epoch_1.pth')
    after = state(chain / f'ritc/epoch_{STEPS}.pth')
    assert before.keys() == after.keys()
    same = {name.split('.')[1] for name in after if torch.equal(before[name], after[name])}
    assert {'conv1', 'bn1'} <= same
    moved = [n for n in after if not torch.equal(before[n], after[n])]
    for part in ('layer1.0.conv1.weight', 'layer1.0.bn1.running_mean', 'layer4.2.conv3.weight'):
        assert f'backbone.{part}' in moved
    assert 'cam_head.conv.weight' in moved
    assert not any(name.startswith(('backbone.conv1', 'backbone.bn1')) for name in moved)
    assert all(torch.isfinite(value).all() for value in after.values())


@pytest.mark.slow
def test_maps(chain, voc, labels):
    for image_id, names in labels.items():
        cams = read_cams(file_of(chain / 'ritc/cams', image_id, '.npz'))
        with Image.open(voc / f'JPEGImages/{image_id}.jpg') as image:
            width, height = image.size
        assert [CLASSES[k + 1] for k in cams.class_indices] == list(names)
        assert cams.high_res.shape == (len(names), height, width)
        assert cams.strided.shape == (len(names), -(-height // 4), -(-width // 4))
        for maps in (cams.high_res, cams.strided):
            assert maps.min() >= 0
            # the largest of each map is x / (x + 1e-5), up to rounding in the file
            np.testing.assert_allclose(maps.max((1, 2)), 1, atol=5e-3)


@pytest.mark.slow
def test_metric_is_that_of_the_files(chain, voc, labels):
    """IoU at 0.15 counted by hand from the written maps.

    Rounding to 8 bits makes ties between two classes of one image, so only the class that is alone
    in its image and the background have the same IoU.
    """
    curve = read_json(chain / 'ritc/curve.json')
    at = curve['thresholds'].index(0.15)
    [[single]] = [own for own in labels.values() if len(own) == 1]
    alone = {0: 'background', CLASSES.index(single): single}
    intersection, union = dict.fromkeys(alone, 0), dict.fromkeys(alone, 0)
    for image_id in labels:
        cams = read_cams(file_of(chain / 'ritc/cams', image_id, '.npz'))
        truth = np.asarray(Image.open(voc / f'SegmentationClass/{image_id}.png'))
        best = cams.class_indices[cams.high_res.argmax(0)] + 1
        found = np.where(cams.high_res.max(0) > 0.15, best, 0)
        for k in alone:
            a, b = (found == k) & (truth != 255), truth == k
            intersection[k] += (a & b).sum()
            union[k] += (a | b).sum()
    for k, name in alone.items():
        expected = 100 * intersection[k] / union[k]
        assert curve['classes'][name][at] == pytest.approx(expected, abs=0.2)
    known = [row[at] for row in curve['classes'].values() if row[at] is not None]
    assert len(known) == 1 + sum(map(len, labels.values()))
    metrics = read_json(chain / 'ritc/metrics.json')['ritc']
    assert metrics['cam/mIoU@0.15'] == pytest.approx(np.mean(known), abs=1e-3)
    assert metrics['cam/mIoU'] == pytest.approx(max(curve['mIoU']), abs=1e-3)
    assert metrics['cams/images'] == len(labels)
    assert metrics['cams/failed'] == 0


# --- from maps to segmentors ----------------------------------------------------------------------


def changed(folder, base, data, more=''):
    """Write a leaf over a shipped config that reads the two images; weights are random."""
    return leaf(
        folder,
        base,
        f'data = dict(**{data!r})\n'
        'test_dataloader = dict(num_workers=0, dataset=data)\n'
        'train_dataloader = dict(\n'
        '    batch_size=1, num_workers=0, persistent_workers=False, dataset=data\n'
        ')\n' + more,
    )


@pytest.fixture(scope='module')
def masks(chain, voc):
    """Go on with labels, IRN and masks; return the folder with all of it."""
    data = dict(data_root=str(voc), labels_file='image_labels.csv', ann_file=f'{chain}/list.txt')
    # the configs find each other by their folders
    (chain / 'qa_clims_export').symlink_to(chain / 'ritc')
    leaf_of_labels = changed(chain, IR_LABEL, data)
    run_tool('ir_label.py', leaf_of_labels, '--work-dir', chain / 'ir_label')
    irn = changed(chain, IRN, data, 'model = dict(backbone=dict(init_cfg=None))\n')
    work = chain / 'irn'
    one_step = ['train_cfg.max_epochs=1', 'param_scheduler.0.end=1']
    run_tool('train.py', irn, '--work-dir', work, '--cfg-options', *one_step)
    run_tool('test.py', irn, work / 'epoch_1.pth', '--work-dir', work)
    (chain / 'irn_export').symlink_to(work)
    return chain


@pytest.mark.slow
def test_labels_and_masks(masks, voc, labels):
    for image_id, names in labels.items():
        known = {0, *(CLASSES.index(name) for name in names)}
        size = Image.open(voc / f'JPEGImages/{image_id}.jpg').size[::-1]
        for folder, unsure in (
            ('ir_label/ir_labels', {255}),
            ('irn/pseudo_masks', set()),
        ):
            mask = read_mask(file_of(masks / folder, image_id, '.png'))
            assert mask.shape == size
            assert set(np.unique(mask).tolist()) <= known | unsure
    metrics = read_json(masks / 'irn/metrics.json')['irn']
    assert 0 <= metrics['mask/mIoU@0.25'] <= metrics['mask/mIoU'] <= 100


@pytest.mark.slow
@pytest.mark.parametrize('name', DEEPLABS)
def test_full_size_segmentors_take_a_step(masks, voc, name):
    data = dict(data_root=str(voc), labels_file='image_labels.csv', ann_file=f'{masks}/list.txt')
    config = changed(masks, DEEPLABS[name], data, 'model = dict(backbone=dict(init_cfg=None))\n')
    work = masks / Path(DEEPLABS[name]).stem
    one_step = ['train_cfg.max_iters=1', 'default_hooks.checkpoint.interval=1']
    run_tool('train.py', config, '--work-dir', work, '--cfg-options', *one_step)
    run_tool('test.py', config, work / 'iter_1.pth', '--work-dir', work)
    metrics = read_json(work / 'metrics.json')[work.name]
    assert 0 <= metrics['seg/mIoU'] <= 100
