"""The cores of this machine, and which of its GPUs a job gets."""

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

VISIBLE = 'CUDA_VISIBLE_DEVICES'


def cores() -> int:
    """Return how many cores this process may use."""
    known = getattr(os, 'sched_getaffinity', None)
    return len(known(0)) if known else os.cpu_count() or 1


def visible_gpus() -> list[str]:
    """Return the names of the GPUs that this process may use, as in ``CUDA_VISIBLE_DEVICES``.

    The devices are listed, since asking torch costs seconds and some memory of each GPU.
    """
    if VISIBLE in os.environ:
        return [name for name in os.environ[VISIBLE].split(',') if name.strip() not in ('', '-1')]
    numbers = (p.name.removeprefix('nvidia') for p in Path('/dev').glob('nvidia[0-9]*'))
    return sorted((n for n in numbers if n.isdigit()), key=int)


@contextlib.contextmanager
def free_gpus(number: int, patience: float = 60) -> Iterator[list[str]]:
    """Hold GPUs that no other job of this user holds.

    Args:
        number: How many; of fewer all that there are, which jobs then share.
        patience: Seconds that this waits for one to become free.

    Yields:
        Their names; after that time those that others hold too.
    """
    names = visible_gpus()
    number = min(number, len(names))
    with contextlib.ExitStack() as stack:
        held: list[str] = []
        deadline = time.monotonic() + patience
        while len(held) < number and time.monotonic() < deadline:
            for name in names:
                if len(held) < number and name not in held and _take(name, stack):
                    held.append(name)
            if len(held) < number:
                time.sleep(0.2)
        yield (held + [n for n in names if n not in held])[:number]


def _take(name: str, stack: contextlib.ExitStack) -> bool:
    """Take the lock of a GPU until the stack closes; tells whether it was free."""
    path = Path(tempfile.gettempdir(), f'qaclims-gpu-{os.getuid()}-{name.replace("/", "_")}.lock')
    lock = path.open('w', encoding='utf-8')
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return False
    stack.enter_context(lock)
    return True
