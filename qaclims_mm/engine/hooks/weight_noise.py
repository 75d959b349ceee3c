"""A small change of the initial weights, by which the noise of a training is measured."""

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from qaclims_mm.registry import HOOKS


@HOOKS.register_module()
class WeightNoiseHook(Hook):
    """Multiplies each trained weight by ``1 + ratio * N(0, 1)`` before the first step.

    Trainings that differ in this alone show how far a result moves by chance (suite
    ``noise_floor``). A training that resumes is left as it is.

    Args:
        seed: Of the noise; all ranks draw the same.
        ratio: Standard deviation of the change, relative to each weight.

    Raises:
        ValueError: If ``ratio`` is negative.
    """

    def __init__(self, seed: int = 0, ratio: float = 1e-3) -> None:
        if ratio < 0:
            raise ValueError(f'ratio must be at least 0, but got {ratio}.')
        self.seed, self.ratio = seed, ratio

    @torch.no_grad()
    def before_train(self, runner: Runner) -> None:
        """Change the weights."""
        if runner.iter > 0:
            return
        # on the CPU, so that every device gets the same noise
        generator = torch.Generator().manual_seed(self.seed)
        for parameter in runner.model.parameters():
            if parameter.requires_grad:
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.mul_(1 + self.ratio * noise.to(parameter))
