"""Locks by which no two runs ever write into one folder."""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from qaclims_mm.errors import StageError


@contextlib.contextmanager
def hold(path: Path, what: str, wait: bool = False) -> Iterator[int]:
    """Hold a lock, which the system frees when this process ends, however it ends.

    Args:
        path: File of the lock.
        what: What is locked, in words.
        wait: Whether to wait until another process has freed it.

    Yields:
        The file's descriptor; a process that inherits it holds the lock too.

    Raises:
        StageError: If another process holds it; says which one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # not emptied before it is held: it names the process that holds it
    with path.open('a+', encoding='utf-8') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            lock.seek(0)
            raise StageError(
                f'{what} is in use by process {lock.read() or "?"}; wait until it ends, or end it.'
            ) from None
        lock.truncate(0)
        lock.write(f'{os.getpid()} on {socket.gethostname()}')
        lock.flush()
        yield lock.fileno()
