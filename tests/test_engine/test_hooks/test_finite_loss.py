from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from tiny_runs import build_tiny_runner

from qaclims_mm.engine.hooks.finite_loss import FiniteLossHook
from qaclims_mm.errors import TrainingError


def test_a_lost_training_stops_before_its_checkpoint(tiny, tmp_path):
    huge = {'optim_wrapper.optimizer.lr': 1e30, 'train_cfg.max_epochs': 3}
    runner = build_tiny_runner(tiny, tmp_path / 'run', 'train', **huge)
    with pytest.raises(TrainingError, match=r'loss.* is no number any more in iteration \d; lower'):
        runner.train()
    assert runner.epoch < 3
    for checkpoint in (tmp_path / 'run').glob('*.pth'):
        assert checkpoint.name != f'epoch_{runner.epoch + 1}.pth'


def test_it_looks_now_and_then_and_at_the_end_of_an_epoch():
    nan = dict(loss=float('nan'), loss_reg=1.0)
    hook = FiniteLossHook(interval=4)
    for index, looks in ((2, False), (3, True), (8, False), (9, True)):
        runner = SimpleNamespace(iter=index, train_dataloader=range(10), work_dir='work')
        with (
            pytest.raises(TrainingError, match=f'^loss is no number .* {index + 1};')
            if looks
            else nullcontext()
        ):
            hook.after_train_iter(runner, index, outputs=nan)
