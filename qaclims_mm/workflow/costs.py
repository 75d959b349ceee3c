"""What stages cost together, beside what the disk has."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from qaclims_mm.errors import StageError
from qaclims_mm.workflow.stage import Stage


def _existing(path: Path) -> Path:
    """Return a path or the nearest folder above it that exists."""
    return next(p for p in (path.absolute(), *path.absolute().parents) if p.exists())


def shown_cost(cost: float | None) -> str:
    """Return a cost as an overview shows it."""
    return '?' if cost is None else f'{cost:.1f}' if cost < 10 else f'{cost:.0f}'


def _counted(number: int, word: str) -> str:
    """Return a number of things: ``1 stage``, ``2 stages``."""
    return f'{number} {word}' if number == 1 else f'{number} {word}s'


def _summed(known: str, unknown: int, of: str, is_empty: bool) -> str:
    more = f'{_counted(unknown, "stage")} of unknown {of}' if unknown else ''
    return ' and '.join(part for part in ('' if is_empty and more else known, more) if part)


def costs_left(left: Sequence[Stage], root: Path, source: str) -> str:
    """Return what stages cost together, beside what the disk of a folder has, in words."""
    minutes, megabytes = (
        [c for s in left if (c := getattr(s, name)) is not None]
        for name in ('minutes', 'megabytes')
    )
    time = _counted(round(sum(minutes)), 'minute')
    time = _summed(time, len(left) - len(minutes), 'time', not minutes)
    size = f'{sum(megabytes):.0f} MB'
    size = _summed(size, len(left) - len(megabytes), 'size', not megabytes)
    free = shutil.disk_usage(_existing(root)).free / 1e6
    text = f'left: {time}, {size}; free on the disk: {free:.0f} MB'
    if sum(megabytes) > free:
        text += '\nthe disk is too small: the run would not start'
    return text + (f'\ncosts: {source}' if source else '')


def check_disk(left: Sequence[Stage], root: Path) -> None:
    """Refuse to start what the disk of a folder has no room for.

    Raises:
        StageError: If it is too small.
    """
    needed = sum(stage.megabytes or 0 for stage in left)
    free = shutil.disk_usage(_existing(root)).free / 1e6
    if needed > free:
        raise StageError(
            f'the stages that are left write about {needed:.0f} MB, but {root} has {free:.0f} MB '
            'free; make room or choose another --work-dir.'
        )
