"""The processes that a pipeline starts: how much memory they take, and how they end with it."""

import contextlib
import signal
import subprocess
import sys

import psutil

from qaclims_mm.apis.forked import ForkedTool

SAMPLE_SECONDS = 2
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
        # the ranks of a launcher are its children, and would train on
        kill_children(process.pid)
        process.kill()
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


def kill_children(pid: int | None = None) -> None:
    """Kill all descendants of a process; by default of this one."""
    with contextlib.suppress(psutil.Error):
        for member in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                member.kill()


def exit_when_terminated() -> None:
    """Let SIGTERM end this process by ``SystemExit``, so that it ends what it has started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
