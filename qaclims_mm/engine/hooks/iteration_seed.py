"""A training that goes on draws what an unbroken one would have drawn."""

from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from qaclims_mm.registry import HOOKS


@HOOKS.register_module()
class IterationSeedHook(Hook):
    """Seeds torch, so dropout, anew in every iteration and on every rank.

    With ``SeededSampler`` a run that was broken off ends with the weights of an unbroken one.
    """

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seed the CPU and all GPUs; nothing waits for them."""
        mixed = np.random.SeedSequence((runner.seed, runner.iter, get_rank()))
        torch.manual_seed(int(mixed.generate_state(1)[0]))
