"""Progress bars: on standard error, where they do not mix with logs, and only on a terminal."""

from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

T = TypeVar('T')


def new_progress() -> Progress:
    """Return a bar with the name, the count, the time spent and the time left."""
    console = Console(stderr=True)
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


def track(items: Iterable[T], description: str, total: int) -> Iterable[T]:
    """Show a bar while items are taken."""
    with new_progress() as progress:
        yield from progress.track(items, total=total, description=description)
