"""No training goes on after its weights are lost."""

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from qaclims_mm.errors import TrainingError
from qaclims_mm.registry import HOOKS


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stops when a loss is no longer a number, before a checkpoint of such weights is written.

    Args:
        interval: Iterations between looks, since a look waits for the GPU; the last iteration of an
            epoch is always looked at.

    Raises:
        TrainingError: Names the loss and the iteration.
    """

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Look at the losses of an iteration."""
        last = batch_idx + 1 == len(runner.train_dataloader)
        if not last and not self.every_n_train_iters(runner, self.interval):
            return
        broken = [k for k, v in (outputs or {}).items() if not torch.isfinite(torch.as_tensor(v))]
        if broken:
            raise TrainingError(
                f'{", ".join(broken)} is no number any more in iteration {runner.iter + 1}; lower '
                'the learning rate (optim_wrapper.optimizer.lr), or go on from the last checkpoint '
                f'in {runner.work_dir} with another one.'
            )
