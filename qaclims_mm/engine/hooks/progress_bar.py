"""Progress bars of trainings and test runs."""

from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich.progress import Progress
from torch import Tensor

from qaclims_mm.progress import LineProgress, new_progress
from qaclims_mm.registry import HOOKS


@HOOKS.register_module()
class ProgressBarHook(Hook):
    """Shows a bar with the time left on a terminal, elsewhere a line now and then with the loss."""

    def __init__(self) -> None:
        self._progress: Progress | None = None

    def _start(self, name: str, total: int, completed: int = 0) -> None:
        if is_main_process():
            self._progress = new_progress()
            self._task = self._progress.add_task(name, total=total, completed=completed)
            self._progress.start()

    def _advance(self) -> None:
        if self._progress is not None:
            self._progress.advance(self._task)

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def before_train(self, runner: Runner) -> None:
        """Start the bar."""
        self._start('train', runner.max_iters, runner.iter)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Advance."""
        if isinstance(self._progress, LineProgress):
            loss = (outputs or {}).get('loss')
            # torch warns of a number that still has its graph
            loss = loss.detach() if isinstance(loss, Tensor) else loss
            # on a GPU, to know the number is to wait for it
            self._progress.words = lambda: '' if loss is None else f', loss {float(loss):.4g}'
        self._advance()

    def after_train(self, runner: Runner) -> None:
        """Remove the bar."""
        self._stop()

    def before_test_epoch(self, runner: Runner) -> None:
        """Start the bar."""
        self._start('test', len(runner.test_dataloader))

    def after_test_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        """Advance."""
        self._advance()

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Remove the bar."""
        self._stop()
