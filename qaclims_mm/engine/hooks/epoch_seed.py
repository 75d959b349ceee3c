"""A training that goes on draws what an unbroken one would have drawn."""

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from qaclims_mm.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds torch, so dropout, anew in every epoch and on every rank.

    With ``SeededSampler`` a run broken off in any epoch ends with the weights of an unbroken one.
    """

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed the CPU and all GPUs."""
        torch.manual_seed(runner.seed + 1000 * runner.epoch + get_rank())
