import itertools
import runpy
import sys

import pytest
import torch
from tiny_runs import ROOT


def run(monkeypatch, tool, *arguments):
    """Run a tool in this process; returns the exit status."""
    monkeypatch.setattr(sys, 'argv', [tool, *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / 'tools' / tool), run_name='__main__')
    return ended.value.code


def test_tools_train_resume_and_test(monkeypatch, tiny, tmp_path):
    def flags(work_dir, *options):
        # a name of its own, since mmengine names what it keeps by the second
        name = f'experiment_name={tmp_path}_{next(numbers)}'
        return ['--work-dir', tmp_path / work_dir, '--cfg-options', name, *options]

    numbers = itertools.count()
    assert run(monkeypatch, 'train.py', tiny, *flags('w')) == 0
    assert (tmp_path / 'w/epoch_1.pth').is_file()
    more = flags('w', 'train_cfg.max_epochs=2')
    assert run(monkeypatch, 'train.py', tiny, '--resume', *more) == 0
    checkpoint = tmp_path / 'w/epoch_2.pth'
    assert torch.load(checkpoint, weights_only=False)['meta']['iter'] == 4
    (tmp_path / 'voc/SegmentationClass/img_2.png').unlink()
    assert run(monkeypatch, 'test.py', tiny, checkpoint, *flags('w')) == 3
    message = run(monkeypatch, 'test.py', tiny, 'none', '--strict', *flags('x'))
    assert message.startswith('error: mask ')
    assert 'img_2.png of image img_2 is missing' in message
