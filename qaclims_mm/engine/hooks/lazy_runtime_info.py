"""Losses reach the log without a wait in every step."""

from typing import Any

import torch
from mmengine.hooks import CheckpointHook, LoggerHook, RuntimeInfoHook
from mmengine.runner import Runner

from qaclims_mm.registry import HOOKS


@HOOKS.register_module()
class LazyRuntimeInfoHook(RuntimeInfoHook):
    """Reads losses when they are logged or saved, all that have come since at once.

    mmengine's own hook reads each in every step, and each of these waits for the GPU.
    """

    def before_train(self, runner: Runner) -> None:
        """Learn when losses are logged and saved."""
        super().before_train(runner)
        self._pending: list[dict[str, Any]] = []
        self._logs = [h.interval for h in runner.hooks if isinstance(h, LoggerHook)]
        self._saves = [
            h.interval for h in runner.hooks if isinstance(h, CheckpointHook) and not h.by_epoch
        ]

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Keep a step's losses; read them where hooks that come later ask for them."""
        self._pending.append(outputs or {})
        if (
            self.end_of_epoch(runner.train_dataloader, batch_idx)
            or any(self.every_n_inner_iters(batch_idx, n) for n in self._logs)
            or any(self.every_n_train_iters(runner, n) for n in self._saves)
        ):
            self._read(runner)

    def after_train(self, runner: Runner) -> None:
        """Read the rest."""
        self._read(runner)
        super().after_train(runner)

    def _read(self, runner: Runner) -> None:
        steps, self._pending = self._pending, []
        keys = [(step, name) for step, losses in enumerate(steps) for name in losses]
        if not keys:
            return
        # one copy to the CPU, whatever the number
        values = torch.stack([torch.as_tensor(steps[s][n]).detach().float() for s, n in keys])
        for (_, name), value in zip(keys, values.tolist(), strict=True):
            runner.message_hub.update_scalar(f'train/{name}', value)
