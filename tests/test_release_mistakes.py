"""Mistakes of the released code that must not come back (facts/official-code.md, items 20, 27, 28).

The hang of ranks of which one has no label is in test_tools/test_dist.py, with two real ranks, and
in test_models/test_classifiers/test_ritc.py, as a graph to every weight.
"""

import ast

import numpy as np
import pytest
import torch
from shipped_configs import LEAVES, bases, load
from test_models.test_classifiers.test_ritc import bank, config, weak_sample
from tiny_runs import ROOT

from qaclims_mm.datasets.coco14 import CLASSES, COCO14WeakDataset
from qaclims_mm.datasets.samplers import ShardBatchSampler, ShardSampler
from qaclims_mm.functional.crf_labels import confident_labels
from qaclims_mm.registry import MODELS
from qaclims_mm.schemas.labels import write_labels

__all__ = ['bank']
SOURCES = sorted([*(ROOT / 'qaclims_mm').rglob('*.py'), *(ROOT / 'tools').glob('*.py')])
TRAINED = [p for p in LEAVES if 'optim_wrapper' in load(p)]
SGD = [p for p in TRAINED if load(p).optim_wrapper.optimizer.type == 'SGD']


@pytest.mark.parametrize('path', SGD, ids=lambda p: p.stem)
def test_momentum_is_never_the_weight_decay_unsaid(path):
    """PolyOptimizer handed the weight decay to SGD's third place, the momentum."""
    optimizer = load(path).optim_wrapper.optimizer
    assert {'lr', 'momentum', 'weight_decay'} <= set(optimizer)
    if optimizer.momentum == optimizer.weight_decay:
        # where it is kept on purpose, a config of the chain says so
        texts = [path.read_text()] + [p.read_text() for p in ancestors(path)]
        assert any('takes its weight decay for the momentum' in t or 'by a bug' in t for t in texts)


def ancestors(path):
    for base in bases(path):
        if '::' not in str(base):
            yield from (base, *ancestors(base))


def test_coco_is_not_cut_at_ten_thousand_images(tmp_path):
    """make_1000=True cut maps and masks at 10,000 images, the labels for IRN not."""
    names = {f'COCO_train2014_{n:012d}': [CLASSES[1 + n % 80]] for n in range(10_500)}
    write_labels(tmp_path / 'labels.csv', names)
    dataset = COCO14WeakDataset('labels.csv', data_root=str(tmp_path), test_mode=True)
    batches = list(ShardBatchSampler(ShardSampler(dataset), 8))
    assert sorted(i for batch in batches for i in batch) == list(range(10_500))


def test_a_single_pair_is_a_batch(bank):
    """.squeeze() made a number of the only pair."""
    model = MODELS.build(config(bank))
    [sample] = [weak_sample([2], [[5, 4]], [[6, 2]], [7])]
    losses = model(torch.randn(1, 3, 32, 48), [sample], mode='loss')
    assert all(loss.ndim == 0 and torch.isfinite(loss) for loss in losses.values())
    assert losses['loss_frc'] > 0


def test_thresholds_are_taken_of_pairs_alone_and_at_once(bank):
    """The released code loops over all images and all classes."""
    model, seen = MODELS.build(config(bank)), []
    model.threshold.register_forward_hook(lambda module, args, out: seen.append(args[0].shape))
    samples = [
        weak_sample([0, 2], [[1, 0], [5, 4]], [[2, -1], [6, 2]], [3, 7]),
        weak_sample([2], [[5, 4]], [[6, 2]], [7]),
    ]
    model(torch.randn(2, 3, 32, 48), samples, mode='loss')
    assert seen == [(3, 1, 96, 96)]


def test_image_without_a_label_is_background():
    """DenseCRF with one label divided by zero."""
    image = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    none = np.zeros((0, 20, 24), np.float32), np.zeros(0, np.int64)
    labels = confident_labels(*none, image, conf_fg=0.3, conf_bg=0.1)
    assert labels.shape == (20, 24)
    assert not labels.any()


def calls(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}


def test_nothing_is_unpickled():
    """Caches of the release are pickles; ours are not, and foreign ones are read in one place."""
    seen = 0
    for path in SOURCES:
        imported = ast.unparse(ast.parse(path.read_text()))
        if path.name != 'pickles.py':
            assert 'pickle.load' not in imported, path
            assert 'Unpickler(' not in imported, path
        for function, keywords in calls(path):
            if function in ('np.load', 'numpy.load'):
                # the benchmark's reference reads what it has just written
                own = path.parts[-2:] == ('benchmarks', 'texts.py')
                assert own or keywords['allow_pickle'] == 'False', path
                seen += 1
            if function == 'torch.load':
                # which follows the opcodes first
                assert path.name == 'checkpoints.py', path
                assert keywords['weights_only'] == 'True', path
                seen += 1
    assert seen >= 2


def test_no_weights_are_left_out_silently():
    """strict=False hid that a file was of another CLIP."""
    for path in SOURCES:
        for function, keywords in calls(path):
            if function.endswith('load_state_dict'):
                assert keywords.get('strict', 'True') == 'True', path
            # mmengine's own is not strict unless it is told to be; its loader only reads
            if function.endswith('load_checkpoint') and 'CheckpointLoader' not in function:
                assert keywords['strict'] == 'True', path
    for path in LEAVES:
        # what has no network loads no weights
        cfg = load(path)
        assert 'ir_label' in cfg or 'StrictLoadHook' in [h.type for h in cfg.custom_hooks], path
