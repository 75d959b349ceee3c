from types import SimpleNamespace

import torch

from qaclims_mm.engine.hooks import iteration_seed
from qaclims_mm.engine.hooks.iteration_seed import IterationSeedHook


def drawn(seed, iteration):
    IterationSeedHook().before_train_iter(SimpleNamespace(seed=seed, iter=iteration), 0)
    return torch.rand(1).item()


def test_every_iteration_draws_its_own_numbers_again():
    first = [drawn(0, i) for i in range(4)]
    torch.rand(99)
    assert [drawn(0, i) for i in range(4)] == first
    assert len({*first, *(drawn(1, i) for i in range(4))}) == 8


def test_every_rank_draws_its_own_numbers(monkeypatch):
    seen = set()
    for rank in range(3):
        monkeypatch.setattr(iteration_seed, 'get_rank', lambda rank=rank: rank)
        seen |= {drawn(0, i) for i in range(4)}
    assert len(seen) == 12
