"""Writing files beside the run."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class WriteQueue:
    """Calls functions that write files in a few threads, so that the run goes on meanwhile.

    Most of such a call is compression, during which other threads run.

    Args:
        threads: How many calls run at once.
        bound: How many there are at most, those that wait too: a slow disk must not fill the
            memory.
    """

    def __init__(self, threads: int = 4, bound: int = 16) -> None:
        self.threads, self.bound = threads, bound
        self._calls: deque[Future] = deque()
        self._pool: ThreadPoolExecutor | None = None

    def put(self, function: Callable[..., None], *args: Any) -> None:
        """Take a call; waits for the oldest one if there are as many as there may be.

        Args:
            function: Called in another thread.
            *args: Of the function; nobody may change them any more, and they take no GPU's memory.

        Raises:
            Exception: What an earlier call has raised.
        """
        while self._calls and (len(self._calls) >= self.bound or self._calls[0].done()):
            self._calls.popleft().result()
        self._pool = self._pool or ThreadPoolExecutor(self.threads, 'write')
        self._calls.append(self._pool.submit(function, *args))

    def join(self) -> None:
        """Wait for all calls.

        Raises:
            Exception: What the first of them that failed has raised.
        """
        if self._pool is not None:
            self._pool.shutdown()
        calls, self._calls, self._pool = self._calls, deque(), None
        for call in calls:
            call.result()
