"""Settings of this process and its children that save time and memory."""

import ctypes
import os
import socket
from pathlib import Path

from qaclims_mm.cores import number_of_cores, visible_cores

# Threads that wait sleep: where other programs use the cores too, spinning ones make a step four
# times as long. torch reads this when it is imported.
WAITING = ('OMP_WAIT_POLICY', 'PASSIVE')
# Memory once freed is kept for the next step: giving it back and taking it again costs some 20,000
# page faults a training step. {variable of children: (mallopt's parameter for this process, value)}
MEMORY = {'MALLOC_MMAP_THRESHOLD_': (-3, 2**25), 'MALLOC_TRIM_THRESHOLD_': (-1, 2**31 - 1)}
# A server gives memory back: kept results pin the freed memory around them, and threads come and
# go, each with an arena. Without this, the page grew by 274 MB in 600 requests; with it, by 122 MB.
SERVERS = ('demo',)
SERVER_MEMORY = {
    'MALLOC_MMAP_THRESHOLD_': (-3, 2**20),
    'MALLOC_TRIM_THRESHOLD_': (-1, 2**24),
    'MALLOC_ARENA_MAX': (-8, 2),
}


def tune_process(command: str = '') -> None:
    """Apply the settings of a sub-command, where the environment has no others."""
    os.environ.setdefault(*WAITING)
    # a container may have the time of fewer cores than it sees, and more threads stop each other
    if (cores := number_of_cores()) < visible_cores():
        os.environ.setdefault('OMP_THREAD_LIMIT', str(cores))
    settings = SERVER_MEMORY if command in SERVERS else MEMORY
    # the C library of macOS and musl have no such call
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None) if os.name == 'posix' else None
    for variable, (parameter, value) in settings.items():
        if variable not in os.environ:
            os.environ[variable] = str(value)
            if mallopt is not None:
                mallopt(parameter, value)


def note_peak() -> None:
    """Write this process's memory at its peak, in kB, where ``QACLIMS_PEAKS`` names a folder.

    A job does so for ranks that ``srun`` starts, which are not below it. ``ru_maxrss`` would be
    that of the process that has started this one, if it had more.
    """
    folder, status = os.environ.get('QACLIMS_PEAKS'), Path('/proc/self/status')
    if folder and status.is_file():
        lines = status.read_text(encoding='utf-8').splitlines()
        [peak] = [line.split()[1] for line in lines if line.startswith('VmHWM:')]
        from qaclims_mm.schemas.files import atomic_path

        with atomic_path(Path(folder, f'{socket.gethostname()}-{os.getpid()}')) as place:
            place.write_text(peak, encoding='utf-8')
