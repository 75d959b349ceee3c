import re
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import CheckpointHook, LoggerHook
from tiny_runs import build_tiny_runner, log_of
from torch.utils.data import DataLoader

from qaclims_mm.engine.hooks.lazy_runtime_info import LazyRuntimeInfoHook


class Hub:
    def __init__(self):
        self.scalars = []

    def update_info(self, *_):
        """Take what mmengine's hook tells."""

    def pop_info(self, *_):
        """Take what mmengine's hook tells."""

    def update_scalar(self, name, value):
        self.scalars.append((name, value))


@pytest.mark.parametrize(
    ('hooks', 'read_after'),
    [
        ([LoggerHook(interval=3)], [3, 6, 7]),
        ([LoggerHook(interval=50)], [7]),
        ([LoggerHook(interval=50), CheckpointHook(interval=2, by_epoch=False)], [2, 4, 6, 7]),
        ([LoggerHook(interval=50), CheckpointHook(interval=2)], [7]),
    ],
)
def test_losses_are_read_when_they_are_needed(hooks, read_after):
    hub = Hub()
    runner = SimpleNamespace(
        message_hub=hub,
        hooks=hooks,
        train_dataloader=DataLoader(range(7)),
        epoch=0,
        max_epochs=1,
        max_iters=7,
    )
    hook = LazyRuntimeInfoHook()
    runner.iter = 0
    hook.before_train(runner)
    found = []
    for index in range(7):
        runner.iter = index
        before = len(hub.scalars)
        hook.after_train_iter(
            runner, index, outputs=dict(loss=torch.tensor(1.5 * index), acc=index)
        )
        if len(hub.scalars) > before:
            found.append(index + 1)
    hook.after_train(runner)
    assert found == read_after
    assert hub.scalars == [
        pair for i in range(7) for pair in (('train/loss', 1.5 * i), ('train/acc', float(i)))
    ]


def test_a_training_logs_what_it_does_with_mmengines_own_hook(tiny, tmp_path):
    histories = []
    for kind in ('LazyRuntimeInfoHook', 'RuntimeInfoHook'):
        changes = {'default_hooks.runtime_info.type': kind, 'train_cfg.max_epochs': 3}
        runner = build_tiny_runner(tiny, tmp_path / kind, 'train', **changes)
        runner.train()
        assert kind in [type(h).__name__ for h in runner.hooks]
        # a hub outlives its runner, and another's may have had the same name
        scalars, steps = runner.message_hub.log_scalars, runner.max_iters
        losses = {k: scalars[k].data[0][-steps:] for k in scalars if 'loss' in k}
        assert all(len(values) == steps for values in losses.values())
        logged = re.findall(r'loss: \S+', log_of(tmp_path / kind))
        histories.append((losses, logged))
    (lazy, lazy_log), (own, own_log) = histories
    assert lazy.keys() == own.keys()
    assert lazy
    for name, values in lazy.items():
        assert values.tolist() == own[name].tolist()
    assert lazy_log == own_log
    assert len(lazy_log) > 1
