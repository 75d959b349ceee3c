from types import SimpleNamespace

import pytest
import torch
from mmengine.model import MMDistributedDataParallel
from mmseg.models import SegTTAModel
from tiny_runs import build_tiny_runner
from torch import nn

from qaclims_mm.engine.hooks.strict_load import StrictLoadHook, coverage_report
from qaclims_mm.errors import FormatError

WANTED = {f'layer.{i}': torch.zeros(2, 3) for i in range(8)}


def changed(remove=(), **more):
    return {k: v for k, v in WANTED.items() if k not in remove} | more


@pytest.mark.parametrize(
    ('found', 'optional', 'report'),
    [
        (changed(), (), ''),
        (
            changed(remove=['layer.3']),
            (),
            'covered: 7 of 8 weights\n  missing (1): layer.3',
        ),
        (changed(head=torch.zeros(1)), (), 'covered: 8 of 8 weights\n  unexpected (1): head'),
        (
            changed(**{'layer.0': torch.zeros(3, 2)}),
            (),
            'covered: 7 of 8 weights\n  of another shape (1): layer.0 (3, 2) instead of (2, 3)',
        ),
        (
            {'a': torch.zeros(1)},
            (),
            'covered: 0 of 8 weights\n'
            '  missing (8): layer.0, layer.1, layer.2, layer.3, layer.4 and 3 more\n'
            '  unexpected (1): a',
        ),
        (changed(remove=['layer.3'], head=torch.zeros(1)), (r'layer\.3$', 'head'), ''),
        # the pattern of another key allows nothing
        (
            changed(remove=['layer.3']),
            (r'layer\.4', 'ayer'),
            'covered: 7 of 8 weights\n  missing (1): layer.3',
        ),
        # a weight of another shape can be allowed too, mmengine then keeps the model's
        (changed(**{'layer.0': torch.zeros(1)}), (r'layer\.0',), ''),
    ],
)
def test_report(found, optional, report):
    assert coverage_report(WANTED, found, optional) == report


@pytest.fixture
def checkpoint(tiny, tmp_path):
    """A checkpoint of the tiny network, as mmengine writes it."""
    runner = build_tiny_runner(tiny, tmp_path / 'trained', 'train')
    runner.train()
    return tmp_path / 'trained/epoch_1.pth'


def edit(path, change):
    content = torch.load(path, weights_only=False)
    torch.save(change(content), path)
    return str(path)


def test_checkpoints_that_fit(checkpoint, run_test):
    first = run_test(checkpoint=str(checkpoint), work_dir='a').metrics
    # of DDP, and without mmengine's wrapping
    edit(checkpoint, lambda c: {f'module.{k}': v for k, v in c['state_dict'].items()})
    second = run_test(checkpoint=str(checkpoint), work_dir='b').metrics
    assert {k: v for k, v in second.items() if '/' in k} == {
        k: v for k, v in first.items() if '/' in k
    }


def reshape_head(content):
    state = content['state_dict']
    state['cam_head.conv.weight'] = state['cam_head.conv.weight'][:8]
    return content


def drop_bn(content):
    for key in [k for k in content['state_dict'] if k.startswith('backbone.bn1.')]:
        del content['state_dict'][key]
    return content


@pytest.mark.parametrize(
    ('change', 'report'),
    [
        (
            reshape_head,
            r'of another shape \(1\): cam_head\.conv\.weight \(8, 8, 1, 1\) instead of ',
        ),
        (drop_bn, r'missing \(5\): backbone\.bn1\.bias, backbone\.bn1\.num_batches_tracked, '),
    ],
)
def test_nothing_is_loaded_half(checkpoint, run_test, change, report):
    path = edit(checkpoint, change)
    with pytest.raises(
        ValueError,
        match=rf'^the checkpoint {path} does not fit CAMClassifier: covered: \d+ of \d+ '
        rf'weights\n  {report}.*\nLoad the checkpoint of this config, or allow keys with '
        r'StrictLoadHook\.optional\.$',
    ):
        run_test(checkpoint=path)


def test_allowed_keys(checkpoint, run_test):
    strict = dict(type='StrictLoadHook', optional=[r'backbone\.bn1\.'])
    hooks = [strict, dict(type='WorkDirHook')]
    run_test(checkpoint=edit(checkpoint, drop_bn), custom_hooks=hooks)


def test_resumed_training_names_its_checkpoint(checkpoint, tiny, tmp_path):
    path = edit(checkpoint, reshape_head)
    runner = build_tiny_runner(tiny, tmp_path / 'trained', 'train', resume=True)
    with pytest.raises(ValueError, match=rf'^the checkpoint {path} does not fit'):
        runner.train()


def test_ranks_around_test_time_augmentation_are_looked_through():
    inner = nn.Linear(2, 3)
    inner.test_step = None
    model = MMDistributedDataParallel.__new__(MMDistributedDataParallel)
    nn.Module.__init__(model)
    model.module = SegTTAModel(module=inner)
    runner = SimpleNamespace(model=model, _load_from='x.pth', work_dir='work')
    StrictLoadHook().after_load_checkpoint(runner, dict(state_dict=inner.state_dict()))
    with pytest.raises(FormatError, match='does not fit Linear: covered: 1 of 2 weights'):
        StrictLoadHook().after_load_checkpoint(runner, dict(weight=torch.zeros(3, 2)))
