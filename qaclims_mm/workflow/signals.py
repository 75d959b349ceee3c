"""How processes end together with what they have started."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import psutil

PATIENCE = 5
_ENDING = (signal.SIGTERM, signal.SIGHUP)
# {number: what it did before}, while this process hears them
_before: dict[int, Any] = {}


@contextlib.contextmanager
def exit_when_told() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end this process by ``SystemExit`` meanwhile, so that it cleans up.

    What is ignored stays ignored, as SIGHUP is below ``nohup``. Processes that are forked meanwhile
    end at once instead.
    """
    heard = [s for s in _ENDING if signal.getsignal(s) != signal.SIG_IGN]
    _before.update((s, signal.signal(s, lambda number, _: sys.exit(128 + number))) for s in heard)
    try:
        yield
    finally:
        _restore()


def _restore() -> None:
    while _before:
        signal.signal(*_before.popitem())


# A handler of Python's runs when the interpreter comes to it. A pool's worker that is told to end
# just before it waits for a lock would never come to it, and the pool would wait for ever.
os.register_at_fork(after_in_child=_restore)


def end_family(pid: int) -> None:
    """End a process and all that it has started: they are asked first, then killed.

    ``srun`` and ``torchrun`` end their ranks when they are asked.
    """
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        members = [*root.children(recursive=True), root]
        for member in members:
            with contextlib.suppress(psutil.Error):
                member.terminate()
        deadline = time.monotonic() + PATIENCE
        while any(map(_is_alive, members)) and time.monotonic() < deadline:
            time.sleep(0.05)
        for member in filter(_is_alive, members):
            with contextlib.suppress(psutil.Error):
                member.kill()


def _is_alive(process: psutil.Process) -> bool:
    # psutil's own waiting would take the exit status from whoever started it
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
