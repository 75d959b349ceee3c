"""How much memory is free, and how many processes it is enough for."""

from pathlib import Path

from qaclims_mm.console import new_console
from qaclims_mm.control_groups import groups_of

# what a process takes before it has read anything, measured
BASE = 450 * 2**20


def free_memory_of(device: str) -> int:
    """Return the bytes that are free on a device: ``cpu`` or ``cuda``, also with a number."""
    if not device.startswith('cuda'):
        return free_memory()
    # slow to import, and few processes need it
    import torch

    # torch keeps what it has freed
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + kept


def free_memory() -> int:
    """Return the bytes that this machine has left, or the container or job that this runs in."""
    # slow to import, and few processes need it
    import psutil

    left = [bytes_left for folder in groups_of('memory') for bytes_left in _left_in(folder)]
    return min([psutil.virtual_memory().available, *left])


def _left_in(folder: Path) -> list[int]:
    """Return the bytes that a control group leaves, or nothing if it has no bound."""
    for bound, used, cache in (
        ('memory.max', 'memory.current', 'inactive_file'),
        ('memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_inactive_file'),
    ):
        try:
            most, now = ((folder / n).read_text(encoding='utf-8').strip() for n in (bound, used))
            lines = (folder / 'memory.stat').read_text(encoding='utf-8').splitlines()
        except OSError:
            continue
        if most.isdigit():
            # pages of files are given up when memory is needed
            given_up = dict(line.split() for line in lines).get(cache, '0')
            return [int(most) - int(now) + int(given_up)]
    return []


def affordable_processes(wanted: int, each: int, what: str) -> int:
    """Return how many processes there is memory for, at least 1; a lower number is reported.

    Args:
        wanted: How many there would be.
        each: Bytes that one takes at most beside its imports.
        what: What they do, for the report.
    """
    free = free_memory()
    number = max(1, min(wanted, free // (each + BASE)))
    if number < wanted or each + BASE > free:
        new_console().print(
            f'{what}: {number} of {wanted} processes, since one takes up to '
            f'{(each + BASE) / 1e9:.1f} GB and {max(0, free) / 1e9:.1f} GB are free; --jobs '
            'chooses another number.',
            soft_wrap=True,
            markup=False,
            highlight=False,
        )
    return number
