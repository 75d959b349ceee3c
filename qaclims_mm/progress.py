"""Progress bars: on standard error, where they do not mix with logs, and only on a terminal."""

from collections.abc import Iterable
from typing import TypeVar

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from qaclims_mm.console import new_console, styled

T = TypeVar('T')


class _DescriptionColumn(ProgressColumn):
    """Shows what a bar counts, without markup."""

    def render(self, task: Task) -> Text:
        return styled(task.description)


def new_progress(of_bytes: bool = False) -> Progress:
    """Return a bar with the name, the count, the time spent and the time left.

    Args:
        of_bytes: Whether bytes are counted; then the bar shows the rate in place of the time spent.
    """
    console = new_console(stderr=True)
    # rich takes a log for a terminal where FORCE_COLOR is set, as in notebooks
    is_terminal = console.file.isatty()
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
        disable=not is_terminal,
        transient=True,
    )


def track(items: Iterable[T], description: str, total: int) -> Iterable[T]:
    """Show a bar while items are taken."""
    with new_progress() as progress:
        yield from progress.track(items, total=total, description=description)
