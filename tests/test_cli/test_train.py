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


def test_amp_trains_in_mixed_precision(monkeypatch, tiny, tmp_path):
    def weights(name, *flags):
        folder = tmp_path / name
        options = ['--cfg-options', f'experiment_name={folder}', 'optim_wrapper.optimizer.lr=0.01']
        assert run(monkeypatch, 'train.py', tiny, '--work-dir', folder, *flags, *options) == 0
        return torch.load(folder / 'epoch_1.pth', weights_only=False)['state_dict']

    float32, mixed = weights('float32'), weights('mixed', '--amp')
    assert all(w.dtype == float32[name].dtype for name, w in mixed.items())
    found, wanted = (w['backbone.conv1.weight'] for w in (mixed, float32))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-3)
    assert not torch.equal(found, wanted)
