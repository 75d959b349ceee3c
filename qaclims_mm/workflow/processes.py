"""The processes that a pipeline starts: how much memory they take, and how they end with it."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil

from qaclims_mm.workflow.forked import ForkedTool

SAMPLE_SECONDS, PATIENCE = 2, 5
TERMINATED = 128 + signal.SIGTERM


def wait_for(process: subprocess.Popen | ForkedTool) -> tuple[int, float]:
    """Wait for a process; returns its status and the peak memory of its family in GB.

    If waiting is broken off, the family ends too.
    """
    peak = 0.0
    try:
        while True:
            try:
                return process.wait(SAMPLE_SECONDS), peak
            except subprocess.TimeoutExpired:
                peak = max(peak, memory_of(process.pid))
    except BaseException:
        # with the ranks of a launcher, which would train on
        end_family(process.pid)
        raise


def memory_of(pid: int) -> float:
    """Return the memory of a process and its descendants in GB; what they share counts once."""
    total = 0
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for member in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                used = member.memory_full_info()
                # proportional set size, where the system tells it
                total += getattr(used, 'pss', used.rss)
    return total / 1e9


def end_family(pid: int | None = None) -> None:
    """End a process and its descendants; of this process, which is the default, these alone.

    They are asked first: ``srun`` and ``torchrun`` end their ranks then.
    """
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        members = [*root.children(recursive=True), *([root] if pid else [])]
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


@contextlib.contextmanager
def exit_when_terminated() -> Iterator[None]:
    """Let SIGTERM end this process by ``SystemExit`` meanwhile, so that it ends what it started."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        yield
    finally:
        # a copy of this process would have the handler too
        signal.signal(signal.SIGTERM, before)
