"""Items that are read and written in threads beside the computation."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar('T')
Read = TypeVar('Read')
Made = TypeVar('Made')
R = TypeVar('R')
# decoding and compression leave the lock of Python, so two threads do twice as much
_THREADS = 2


def run_overlapped(
    read: Callable[[T], Read],
    compute: Callable[[Read], Made],
    write: Callable[[Made], R],
    items: Iterable[T],
    ahead: int,
) -> Iterator[R]:
    """Yield what is written of each item, in order.

    Args:
        read: Called in other threads, before the computation needs the item.
        compute: Called in this thread with what was read, for one item after the other.
        write: Called in other threads with what was computed.
        items: The items.
        ahead: How many items at most are read or wait while one is computed, and how many are
            written; this bounds the memory.

    Raises:
        Exception: What a function raises; the items that have not begun are left out.
    """
    readers, writers = (ThreadPoolExecutor(_THREADS, name) for name in ('read', 'write'))
    reading: deque[Future[Read]] = deque()
    writing: deque[Future[R]] = deque()

    def advance() -> Iterator[R]:
        writing.append(writers.submit(write, compute(reading.popleft().result())))
        if len(writing) > ahead:
            yield writing.popleft().result()

    try:
        for item in items:
            reading.append(readers.submit(read, item))
            if len(reading) > ahead:
                yield from advance()
        while reading:
            yield from advance()
        while writing:
            yield writing.popleft().result()
    finally:
        for pool in (readers, writers):
            pool.shutdown(cancel_futures=True)
