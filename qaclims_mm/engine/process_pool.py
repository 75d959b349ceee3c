"""A function called for many items in several processes."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver
from multiprocessing.connection import wait as wait_for
from typing import Any, TypeVar

import torch

from qaclims_mm.cores import number_of_cores
from qaclims_mm.errors import StageError

T = TypeVar('T')
R = TypeVar('R')
# items a process that are computed or wait for it: enough that no process waits, and few enough
# that an interrupt has little to wait for
_AHEAD = 3
# images that are done before another process has started
_A_PROCESS = 100


def worthwhile_processes(items: int) -> int:
    """Return the number of processes that are worth their start for so many masks or images."""
    return min(number_of_cores(), 1 + items // _A_PROCESS)


def run_in_processes(
    function: Callable[[T], R], items: Sequence[T], jobs: int, preload: Sequence[str] = ()
) -> Iterator[R]:
    """Yield the results of a function, in the order in which they are ready.

    Each process uses one thread, and ends when this one does, even if it is killed.

    Args:
        function: Called with each item; function, items and results are pickled.
        items: The items.
        jobs: Number of processes at most; 1 calls the function in this process.
        preload: Modules that the function needs, which are imported once for all processes.

    Raises:
        StageError: If a process is killed.
        Exception: What the function raises; the items that have not begun are left out.
    """
    jobs = min(jobs, len(items))
    if jobs <= 1:
        yield from _run_here(function, items)
        return
    pool = ProcessPoolExecutor(jobs, mp_context=_context(preload), initializer=_begin)
    try:
        yield from _run_in_pool(pool, function, items, _AHEAD * jobs)
    except BrokenProcessPool as error:
        raise StageError(
            f'one of {jobs} processes was killed, most often because the memory was exhausted. '
            'Run the command again with fewer --jobs; it resumes.'
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _run_here(function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    before = torch.get_num_threads()
    # as in the other processes, so that sums are added in the same order
    torch.set_num_threads(1)
    try:
        yield from map(function, items)
    finally:
        torch.set_num_threads(before)


def _run_in_pool(
    pool: ProcessPoolExecutor, function: Callable[[T], R], items: Sequence[T], ahead: int
) -> Iterator[R]:
    waiting: set[Future[R]] = set()
    for item in items:
        waiting.add(pool.submit(function, item))
        while len(waiting) >= ahead:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    while waiting:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        yield from (future.result() for future in done)


def _context(preload: Sequence[str]) -> Any:
    """Return how processes are started: never as copies of this one, whose threads hold locks."""
    if 'forkserver' not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context('spawn')
    # the server would look for modules in the current folder before all others
    path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
    with _environment(PYTHONPATH=path, PYTHONSAFEPATH='1'):
        forkserver.set_forkserver_preload(list(preload))
        forkserver.ensure_running()
    return multiprocessing.get_context('forkserver')


@contextlib.contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Set variables of the environment for a moment."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value


def _begin() -> None:
    """Prepare a process of the pool."""
    # the first process is interrupted too, and ends the others
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        # nobody takes its results any more
        os._exit(1)
