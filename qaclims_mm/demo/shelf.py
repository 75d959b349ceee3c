"""Results that the server keeps for all sessions together, up to a number of bytes."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

# about 500 pictures of MiniWorld, or 8 photographs of 1024 x 768 px with 2 classes each
BUDGET = 128 * 2**20


class Sized(Protocol):
    """A result that knows its size."""

    @property
    def nbytes(self) -> int:
        """Size in bytes."""


K = TypeVar('K', bound=Hashable)
V = TypeVar('V', bound=Sized)


class Shelf(Generic[K, V]):
    """A cache that drops the results which were not used for the longest time.

    A session holds the keys of its results alone, so that memory does not grow with sessions.

    Args:
        make: Computes the result of a key.
        budget: Size of all results in bytes. The newest one stays, however large it is.
    """

    def __init__(self, make: Callable[[K], V], budget: int = BUDGET) -> None:
        self._make, self._budget = make, budget
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Size of all kept results in bytes."""
        return sum(value.nbytes for value in self._kept.values())

    def __contains__(self, key: K) -> bool:
        """Tell whether the result of a key is kept."""
        return key in self._kept

    def __getitem__(self, key: K) -> V:
        """Return the result of a key; one that is not kept is computed again."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        # outside the lock, so that other sessions can look at their results meanwhile
        made = self._make(key)
        with self._lock:
            self._kept[key] = made
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and self.nbytes > self._budget:
                self._kept.popitem(last=False)
        return made
