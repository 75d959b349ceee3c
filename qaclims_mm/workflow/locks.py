"""Locks by which no two processes ever write into the folder of a stage."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from qaclims_mm.errors import StageError
from qaclims_mm.schemas.work_dir import DONE


@contextlib.contextmanager
def hold_stage(root: Path, name: str) -> Iterator[IO]:
    """Hold a stage of a work dir and give the file of its lock.

    Args:
        root: Work dir.
        name: Name of the stage, whose folder below ``done`` exists.

    Raises:
        StageError: If another process holds the stage.
    """
    path = root / DONE / name / 'lock'
    # not emptied before it is held: it has the number of the process that holds it
    with path.open('a', encoding='utf-8') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = path.read_text(encoding='utf-8')
            raise StageError(
                f'stage {name} is still running in {root}, perhaps for a pipeline that was killed; '
                f'wait until it ends, or end it (process {holder}).'
            ) from None
        name_holder(lock, os.getpid())
        yield lock


def name_holder(lock: IO, pid: int) -> None:
    """Write the number of the process that holds a lock into its file."""
    lock.truncate(0)
    lock.write(str(pid))
    lock.flush()
