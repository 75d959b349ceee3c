"""What stages cost together, beside what the disk has."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from qaclims_mm.errors import StageError
from qaclims_mm.schemas.names import counted
from qaclims_mm.workflow.stage import Stage
from qaclims_mm.workflow.time_left import (
    UNCORRECTED,
    Correction,
    measure_slowdown,
    shown_estimate,
    shown_span,
)


def _existing(path: Path) -> Path:
    """Return a path or the nearest folder above it that exists."""
    return next(p for p in (path.absolute(), *path.absolute().parents) if p.exists())


def shown_cost(cost: float | None) -> str:
    """Return a cost as an overview shows it."""
    return '?' if cost is None else f'{cost:.1f}' if cost < 10 else f'{cost:.0f}'


def _summed(known: str, unknown: int, of: str, is_empty: bool) -> str:
    more = f'{counted(unknown, "stage")} of unknown {of}' if unknown else ''
    return ' and '.join(part for part in ('' if is_empty and more else known, more) if part)


def costs_left(
    left: Sequence[Stage], root: Path, source: str, correction: Correction = UNCORRECTED
) -> str:
    """Return what stages cost together, beside what the disk of a folder has, in words.

    Args:
        left: The stages.
        root: A folder of the disk.
        source: Where their costs are from.
        correction: How the stages that have run have corrected their minutes.
    """
    minutes, megabytes = (
        [c for s in left if (c := getattr(s, name)) is not None]
        for name in ('minutes', 'megabytes')
    )
    time, why = _time_left(sum(minutes), correction) if minutes else (shown_span(0, 0), '')
    time = _summed(time, len(left) - len(minutes), 'time', not minutes)
    size = f'{sum(megabytes):.0f} MB'
    size = _summed(size, len(left) - len(megabytes), 'size', not megabytes)
    free = shutil.disk_usage(_existing(root)).free / 1e6
    text = f'left: {time}, {size}; free on the disk: {free:.0f} MB'
    if sum(megabytes) > free:
        text += '\nthe disk is too small: the run would not start'
    return text + (f'\ncosts: {source}{why}' if source else '')


def _time_left(minutes: float, correction: Correction) -> tuple[str, str]:
    """Return the time that stages take, and why it may be another than estimated, in words."""
    low, usual, high, number = correction
    if number:
        ran = 'stage that has run' if number == 1 else f'{number} larger stages that have run'
        why = f'; corrected by the {ran}: {low:.1f} to {high:.1f} times the estimate'
        return shown_span(low / usual * minutes, high / usual * minutes), why
    slowdown = measure_slowdown()
    busy = f'; this machine is busy and takes {slowdown:.1f} times as long' * (slowdown > 1)
    return shown_estimate(minutes, slowdown), busy


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
