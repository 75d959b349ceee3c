"""How many cores this process may use."""

import contextlib
import os

from qaclims_mm.control_groups import groups_of


def number_of_cores() -> int:
    """Return the number of cores that this process may use, at least 1.

    A part of a core that a container may use beside whole ones does not count.
    """
    return max(1, int(min([visible_cores(), *_shares_of_groups()])))


def visible_cores() -> int:
    """Return the number of cores that libraries such as torch start threads for.

    A container or a job may get less time than that of all these cores.
    """
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    # macOS and Windows do not tell
    return os.cpu_count() or 1


def _shares_of_groups() -> list[float]:
    """Return the cores whose time each control group of this process may spend, if bounded."""
    found = []
    for folder in groups_of('cpu'):
        # a bound is two numbers, microseconds of all cores in a span of time; none is max or -1
        with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
            quota, period = (folder / 'cpu.max').read_text(encoding='utf-8').split()
            found.append(int(quota) / int(period))
        with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
            quota, period = (
                (folder / f'cpu.cfs_{name}_us').read_text(encoding='utf-8')
                for name in ('quota', 'period')
            )
            found.append(int(quota) / int(period))
    return [share for share in found if share > 0]
