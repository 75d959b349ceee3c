import itertools
import runpy
import sys

import pytest
import torch
from tiny_runs import ROOT

from qaclims_mm.engine.switches import mixed_precision_wrapper


def run(monkeypatch, tool, *arguments):
    """Run a tool in this process; returns the exit status."""
    monkeypatch.setattr(sys, 'argv', [tool, *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / 'tools' / tool), run_name='__main__')
    return ended.value.code


@pytest.mark.parametrize(
    ('gpu', 'bfloat16', 'wrapper'),
    [
        (True, True, 'Bfloat16OptimWrapper'),
        (True, False, 'AmpOptimWrapper'),
        (False, False, 'Bfloat16OptimWrapper'),
    ],
)
def test_mixed_precision_of_a_machine(monkeypatch, gpu, bfloat16, wrapper):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
    monkeypatch.setattr(torch.cuda, 'is_bf16_supported', lambda including_emulation: bfloat16)
    assert mixed_precision_wrapper() == wrapper


def test_resume_goes_on_or_begins_with_what_the_config_loads(monkeypatch, tiny, tmp_path):
    """As a pipeline starts every training: --resume, whether or not there is something."""
    numbers = itertools.count()

    def train(folder, *options):
        name = f'experiment_name={tmp_path}_{next(numbers)}'
        flags = ['--work-dir', tmp_path / folder, '--cfg-options', name, *options]
        assert run(monkeypatch, 'train.py', tiny, *flags, '--resume') == 0

    def weights(path):
        return torch.load(path, weights_only=False)['state_dict']['cam_head.conv.weight']

    train('baseline')
    first = weights(tmp_path / 'baseline/epoch_1.pth')
    still = ['optim_wrapper.optimizer.lr=0', f'load_from={tmp_path}/baseline/epoch_1.pth']
    train('next', *still)
    assert torch.equal(weights(tmp_path / 'next/epoch_1.pth'), first)
    # now there is a checkpoint of its own, which counts
    state = torch.load(tmp_path / 'next/epoch_1.pth', weights_only=False)
    state['state_dict']['cam_head.conv.weight'] += 1
    torch.save(state, tmp_path / 'next/epoch_1.pth')
    train('next', *still, 'train_cfg.max_epochs=2')
    torch.testing.assert_close(weights(tmp_path / 'next/epoch_2.pth'), first + 1)
