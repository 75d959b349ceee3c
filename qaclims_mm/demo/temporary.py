"""A process that leaves no temporary file behind, however it is stopped."""

import atexit
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# where gradio keeps uploads and results
VARIABLE = 'GRADIO_TEMP_DIR'
_STOPS = tuple(
    getattr(signal, name) for name in ('SIGINT', 'SIGTERM', 'SIGHUP') if hasattr(signal, name)
)


@contextmanager
def stoppable() -> Iterator[None]:
    """End the block without an error when the process is interrupted or terminated.

    A second signal ends the process at once. What is ignored stays ignored, as SIGHUP is below
    ``nohup``.
    """
    handlers = {number: signal.getsignal(number) for number in _STOPS}
    before = {n: h for n, h in handlers.items() if h not in (signal.SIG_IGN, None)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(*_: Any) -> None:
        restore()
        raise _Stopped

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    except _Stopped:
        pass
    finally:
        restore()


class _Stopped(BaseException):
    """The process was interrupted or terminated."""


@contextmanager
def temporary_files() -> Iterator[Path]:
    """Keep all temporary files of this process in a folder that is deleted at the end.

    Gradio's own folder is shared by all programs of a machine, is readable by all users, and keeps
    its files when a server ends.
    """
    given, directory = os.environ.get(VARIABLE), tempfile.tempdir
    if given:
        Path(given).mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix='qaclims-demo-', dir=given or None))
    # a thread that still computes may write into it again
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ[VARIABLE], tempfile.tempdir = str(folder), str(folder)
    try:
        yield folder
    finally:
        tempfile.tempdir = directory
        if given is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = given
        shutil.rmtree(folder, ignore_errors=True)
