"""Masks and scores of two ranks against those of one process."""

import json

import numpy as np
import pytest
import torch
from helpers import TINY_CLASSES, make_tiny_voc
from rank_runs import MARKS, files_of, run_tools
from tiny_runs import build_tiny_runner, write_tiny_config
from tiny_stages import TINY_IRN, TINY_SEGMENTOR

from qaclims_mm.schemas import Manifest, file_of, read_mask, write_cams

pytestmark = MARKS
# seven images: the first rank has one more, and none may count twice
LABELS = {
    'img_0': ('dog',),
    'img_1': ('person', 'diningtable'),
    'img_2': (),
    'img_3': ('train',),
    'img_4': ('cat', 'dog', 'person'),
    'img_5': ('dog',),
    'img_6': ('person',),
}
SIZE = (32, 40)
PIPELINE = "test_dataloader['dataset']['pipeline']"
PAR = f"""
model = dict(type='PARRefiner', steps=1)
{PIPELINE} = [
    dict(type='LoadRGBImage'),
    dict(type='LoadCAMs', cams=cams),
    dict(type='PackWeakInputs'),
]
test_evaluator = [dict(type='PseudoMaskWriter')]
"""
IRN = f"""{TINY_IRN}
test_dataloader.update(batch_size=2)
{PIPELINE}[-1] = dict(type='PackWeakInputs', scales=(1.0,))
{PIPELINE}.insert(2, dict(type='LoadCAMs', cams=cams))
test_evaluator = [
    dict(type='PseudoMaskWriter'),
    dict(
        type='CAMMetric',
        maps='refined_maps',
        prefix='mask',
    ),
]
"""
SEGMENTOR = f"""{TINY_SEGMENTOR}
test_dataloader.update(batch_size=2)
{PIPELINE} = [
    dict(type='LoadBGRImage'),
    dict(type='LoadMask'),
    dict(type='PackSegInputs', meta_keys=('image_id', 'ori_shape', 'img_shape', 'pad_shape')),
]
test_evaluator = [
    dict(type='IoUMetric', iou_metrics=['mIoU'], prefix='seg'),
    dict(type='SegMaskWriter', zip_folder='results'),
]
"""


def make_cams(folder):
    """Write smooth maps of the labels of every image, as that stage leaves them."""
    rng = np.random.default_rng(0)
    for image_id, names in LABELS.items():
        keys = np.array([TINY_CLASSES[n] - 1 for n in sorted(names, key=TINY_CLASSES.get)])
        strided = rng.random((len(keys), 8, 10))
        high_res = strided.repeat(4, 1).repeat(4, 2).reshape(-1, *SIZE)
        write_cams(file_of(folder, image_id, '.npz'), keys, strided, high_res)
    Manifest('cams', 'c0').write(folder)


# {name: end of the config, whether it has weights, folder of the masks, and what it writes beside}
STAGES = dict(
    # nothing to train, so the ranks have a model each
    par=(PAR, False, 'pseudo_masks', ()),
    irn=(IRN, True, 'pseudo_masks', ('curve.json',)),
    segmentor=(SEGMENTOR, True, 'predictions', ('predictions.zip',)),
)


def favour_some(model):
    """Make a new segmentor draw several classes, those that are there."""
    for name, weight in model.named_parameters():
        if name.startswith('decode_head.convs') and name.endswith('weight'):
            # which is highest depends on the place
            weight.data -= weight.data.mean((2, 3), keepdim=True)
        elif name.startswith('decode_head.convs'):
            weight.data.fill_(-9)[[0, *TINY_CLASSES.values()]] = 0


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Folders ``one`` and ``two``, which hold what so many ranks have made of every stage."""
    folder = tmp_path_factory.mktemp('masks')
    make_tiny_voc(folder / 'voc', SIZE, LABELS)
    make_cams(folder / 'cams')
    cams = f'cams = {str(folder / "cams")!r}\n'
    calls = []
    for name, (more, trained, *_) in STAGES.items():
        # a variable that nothing reads is refused
        text = cams + more if 'cams=cams' in more else more
        config = write_tiny_config(folder / f'{name}.py', folder / 'voc', text)
        runner = build_tiny_runner(config, folder / 'one' / name, 'test')
        checkpoint = 'none'
        if trained:
            checkpoint = folder / f'{name}.pth'
            favour_some(runner.model)
            torch.save(dict(state_dict=runner.model.state_dict()), checkpoint)
            changes = dict(load_from=str(checkpoint))
            runner = build_tiny_runner(config, folder / 'one' / name, 'test', **changes)
        runner.test()
        calls.append(('test.py', config, checkpoint, '--work-dir', folder / 'two' / name))
    run_tools(*calls)
    return folder


@pytest.mark.parametrize('name', STAGES)
def test_two_ranks_leave_the_masks_and_scores_of_one_process(folder, name):
    one, two = folder / 'one' / name, folder / 'two' / name
    _, scored, masks, also = STAGES[name]
    assert files_of(two / masks) == files_of(one / masks)
    assert {p.name for p in (two / masks).glob('*.png')} == {f'{i}.png' for i in LABELS}
    # there is something to tell apart
    drawn = [read_mask(two / f'{masks}/{i}.png') for i in ('img_1', 'img_4')]
    assert all(len(np.unique(mask)) > 1 for mask in drawn)
    for file in ('metrics.json', *also):
        assert (two / file).read_bytes() == (one / file).read_bytes(), file
    [scores] = json.loads((two / 'metrics.json').read_text()).values()
    assert not scored or any(n.endswith('/mIoU') and v > 0 for n, v in scores.items())
