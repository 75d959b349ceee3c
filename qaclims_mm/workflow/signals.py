"""How processes end together with what they have started."""

import contextlib
import signal
import sys
import time
from collections.abc import Iterator

import psutil

PATIENCE = 5
_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def exit_when_told() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end this process by ``SystemExit`` meanwhile, so that it cleans up.

    What is ignored stays ignored, as SIGHUP is below ``nohup``.
    """
    heard = [s for s in _ENDING if signal.getsignal(s) != signal.SIG_IGN]
    before = {s: signal.signal(s, lambda number, _: sys.exit(128 + number)) for s in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
