"""Threads that wait for a server and do not keep the process alive."""

import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class Workers:
    """Runs functions in a number of threads, in the order of their submission.

    Unlike those of ``ThreadPoolExecutor``, the threads do not keep an interrupted process alive
    until the server has answered.

    Args:
        number: Number of threads.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._tasks: queue.SimpleQueue = queue.SimpleQueue()
        for _ in range(number):
            threading.Thread(target=self._work, name='served', daemon=True).start()

    def submit(self, function: Callable[..., Any], *args: Any) -> Future:
        """Return the future result of a call."""
        future: Future = Future()
        self._tasks.put((future, function, args))
        return future

    def close(self) -> None:
        """Cancel the calls that have not begun, and end the idle threads."""
        with contextlib.suppress(queue.Empty):
            while True:
                task = self._tasks.get_nowait()
                if task is not None:
                    task[0].cancel()
        for _ in range(self._number):
            self._tasks.put(None)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            future, function, args = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = function(*args)
            except BaseException as error:  # whoever waits for the result raises it
                future.set_exception(error)
            else:
                future.set_result(result)
