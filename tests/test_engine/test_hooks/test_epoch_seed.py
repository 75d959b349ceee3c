from types import SimpleNamespace

import torch

from qaclims_mm.engine.hooks import epoch_seed
from qaclims_mm.engine.hooks.epoch_seed import EpochSeedHook


def drawn(seed, epoch):
    EpochSeedHook().before_train_epoch(SimpleNamespace(seed=seed, epoch=epoch))
    return torch.rand(1).item()


def test_every_epoch_draws_its_own_numbers_again(monkeypatch):
    first = [drawn(0, epoch) for epoch in range(4)]
    torch.rand(99)
    assert [drawn(0, epoch) for epoch in range(4)] == first
    others = [drawn(1, epoch) for epoch in range(4)]
    monkeypatch.setattr(epoch_seed, 'get_rank', lambda: 1)
    others += [drawn(0, epoch) for epoch in range(1)]
    assert len({*first, *others}) >= 8
