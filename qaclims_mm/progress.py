"""Progress on standard error: a bar on a terminal, else a line now and then.

Bars in a file would be thousands of lines, and silence looks like a hang.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from qaclims_mm.console import new_console, styled

T = TypeVar('T')
# seconds between lines
PAUSE = 60.0


class _DescriptionColumn(ProgressColumn):
    """Shows what a bar counts, without markup."""

    def render(self, task: Task) -> Text:
        return styled(task.description)


class LineProgress(Progress):
    """Says in a line, at most once in ``PAUSE`` seconds, how far it is and how long it takes.

    Args:
        console: Where the lines go.

    Attributes:
        words: Returns what follows the numbers of a line; called for each line alone.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(console=console, disable=True)
        self.words: Callable[[], str] = str
        self._said = time.monotonic()
        # {task: when it was first heard of, and how far it was then}
        self._begun: dict[TaskID, tuple[float, float]] = {}

    def add_task(self, description: str, *args: Any, **fields: Any) -> TaskID:
        """Begin to count."""
        task = super().add_task(description, *args, **fields)
        self._begun[task] = time.monotonic(), self._tasks[task].completed
        return task

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Count on."""
        super().advance(task_id, advance)
        self._say(self._tasks[task_id])

    def update(self, task_id: TaskID, **fields: Any) -> None:
        """Count on, as rich's own loops do."""
        super().update(task_id, **fields)
        self._say(self._tasks[task_id])

    def _say(self, task: Task) -> None:
        now = time.monotonic()
        if now - self._said < PAUSE or not task.total:
            return
        self._said = now
        begun, before = self._begun[task.id]
        done = task.completed - before
        left = f', {self._time(now - begun, done, task)} left' if done > 0 else ''
        text = f'{task.description} {task.completed:.0f}/{task.total:.0f}{left}{self.words()}'
        self.console.print(styled(text), soft_wrap=True)

    @staticmethod
    def _time(spent: float, done: float, task: Task) -> str:
        seconds = spent / done * (task.total or 0) - spent / done * task.completed
        return f'{seconds / 60:.0f} min' if seconds >= PAUSE else f'{seconds:.0f} s'


def new_progress(of_bytes: bool = False) -> Progress:
    """Return a bar with the name, the count, the time spent and the time left, or its lines.

    Args:
        of_bytes: Whether bytes are counted; then the bar shows the rate in place of the time spent.
    """
    console = new_console(stderr=True)
    # rich takes a log for a terminal where FORCE_COLOR is set, as in notebooks
    if not console.file.isatty():
        return LineProgress(console)
    counted = (
        (DownloadColumn(), TransferSpeedColumn())
        if of_bytes
        else (MofNCompleteColumn(), TimeElapsedColumn())
    )
    return Progress(
        _DescriptionColumn(),
        BarColumn(),
        *counted,
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def track(items: Iterable[T], description: str, total: int) -> Iterable[T]:
    """Show a bar while items are taken."""
    with new_progress() as progress:
        yield from progress.track(items, total=total, description=description)
