"""Writing files beside the run."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np


class WriteQueue:
    """Calls functions that write files in a few threads, so that the run goes on meanwhile.

    Most of such a call is compression, during which other threads run.

    Args:
        threads: How many calls run at once.
        bound: How many there are at most, those that wait too: a slow disk must not fill the
            memory.
        megabytes: How large the arrays of all calls are at most together; a larger call runs alone.
    """

    def __init__(self, threads: int = 4, bound: int = 16, megabytes: float = 512) -> None:
        self.threads, self.bound, self.bytes = threads, bound, megabytes * 2**20
        # with the bytes of its arrays
        self._calls: deque[tuple[Future, int]] = deque()
        self._pool: ThreadPoolExecutor | None = None

    def put(self, function: Callable[..., None], *args: Any) -> None:
        """Take a call; waits for the oldest ones while there are as many as there may be.

        Args:
            function: Called in another thread.
            *args: Of the function; nobody may change them any more, and they take no GPU's memory.

        Raises:
            Exception: What an earlier call has raised.
        """
        size = sum(value.nbytes for value in args if isinstance(value, np.ndarray))
        while self._calls and (self._is_full(size) or self._calls[0][0].done()):
            self._calls.popleft()[0].result()
        self._pool = self._pool or ThreadPoolExecutor(self.threads, 'write')
        self._calls.append((self._pool.submit(function, *args), size))

    def _is_full(self, size: int) -> bool:
        """Return whether one more call with arrays of ``size`` bytes is too much."""
        held = sum(other for _, other in self._calls)
        return len(self._calls) >= self.bound or held + size > self.bytes

    def join(self) -> None:
        """Wait for all calls.

        Raises:
            Exception: What the first of them that failed has raised.
        """
        if self._pool is not None:
            self._pool.shutdown()
        calls, self._calls, self._pool = self._calls, deque(), None
        for call, _ in calls:
            call.result()
