"""Pace requests: limit their rate, and compute the wait after an error."""

import random
import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

FIRST_DELAY, LONGEST_DELAY = 1.0, 60.0
# of a header that is wrong, or of a quota of the day: then the next attempt asks again
LONGEST_PAUSE = 600.0


def delay_of(attempt: int, retry_after: str | None = None, share: float | None = None) -> float:
    """Return the seconds to wait before another attempt.

    Args:
        attempt: Number of failed attempts before this one, from 0.
        retry_after: The server's header of this name: seconds, or a date of HTTP.
        share: Part of the spread that is added, in [0, 1]; random by default.

    Returns:
        At least the time that the server asks for. Without such a time 1 s, doubled with each
        attempt up to 60 s. Up to half of the time is added at random, so that requests do not
        return at the same moment.

    Example:
        >>> delay_of(3, share=0.0), delay_of(0, '7', share=0.0)
        (8.0, 7.0)
    """
    share = random.random() if share is None else share
    asked = _seconds(retry_after)
    own = min(FIRST_DELAY * 2.0 ** min(attempt, 10), LONGEST_DELAY)
    base = own if asked is None else asked
    return base + share * 0.5 * min(base, own)


def _seconds(retry_after: str | None) -> float | None:
    if not retry_after:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 0.0), LONGEST_PAUSE) if seconds == seconds else None


class Pace:
    """Lets requests of several threads begin one after the other, at a limited rate.

    Args:
        per_minute: Requests a minute; ``None`` sets no limit.
        clock: Seconds that only rise.
    """

    def __init__(
        self, per_minute: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = 60.0 / per_minute if per_minute else 0.0
        self._clock = clock
        self._lock = threading.Lock()
        self._next = clock()

    def wait(self, stop: threading.Event) -> None:
        """Wait until a request may begin, or until ``stop`` is set."""
        with self._lock:
            begin = max(self._clock(), self._next)
            self._next = begin + self._interval
        while (left := begin - self._clock()) > 0 and not stop.wait(left):
            pass

    def pause(self, seconds: float) -> None:
        """Start no further request for some time, because the server has too many."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)
