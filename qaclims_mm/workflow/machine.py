"""This machine: which of its GPUs a job gets, and how tables name it."""

import contextlib
import fcntl
import os
import platform
import re
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from qaclims_mm.cores import number_of_cores
from qaclims_mm.schemas.names import counted

VISIBLE = 'CUDA_VISIBLE_DEVICES'


def visible_gpus() -> list[str]:
    """Return the names of the GPUs that this process may use, as in ``CUDA_VISIBLE_DEVICES``.

    The devices are listed, since asking torch costs seconds and some memory of each GPU.
    """
    if VISIBLE in os.environ:
        return [name for name in os.environ[VISIBLE].split(',') if name.strip() not in ('', '-1')]
    numbers = (p.name.removeprefix('nvidia') for p in Path('/dev').glob('nvidia[0-9]*'))
    return sorted((n for n in numbers if n.isdigit()), key=int)


def describe_machine(gpus: int) -> str:
    """Return what computes a stage: processor, cores, threads, GPUs and the version of torch.

    Args:
        gpus: How many the stage uses.
    """
    number = number_of_cores()
    threads = os.environ.get('OMP_NUM_THREADS', str(number))
    parts = [_processor(), counted(number, 'core'), counted(int(threads), 'thread')]
    if gpus:
        parts.append(f'{gpus} x {_gpu()}')
    return ', '.join([*parts, f'torch {metadata.version("torch")}'])


def _processor() -> str:
    return _first_field('/proc/cpuinfo', 'model name') or platform.machine()


def _gpu() -> str:
    """Return the model of the first GPU, which the driver tells without a start of CUDA."""
    [path, *_] = [*Path('/proc/driver/nvidia/gpus').glob('*/information'), '']
    return _first_field(path, 'Model') or 'GPU'


def _first_field(path: str | Path, name: str) -> str:
    """Return the value of the first line ``name: value`` of a file; '' if there is none."""
    if not path or not Path(path).is_file():
        return ''
    text = Path(path).read_text(encoding='utf-8', errors='replace')
    found = re.search(rf'^{name}\s*:\s*(.+?)\s*$', text, re.MULTILINE)
    return found[1] if found else ''


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
