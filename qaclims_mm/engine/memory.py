"""How many processes there is memory for."""

from qaclims_mm.console import new_console
from qaclims_mm.free_memory import free_memory

# what a process takes before it has read anything, measured
BASE = 450 * 2**20


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
