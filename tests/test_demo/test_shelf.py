import threading

import numpy as np
import pytest

from qaclims_mm.demo.shelf import Shelf


def shelf_of(budget, asked):
    def make(size):
        asked.append(size)
        return np.zeros(size, np.uint8)

    return Shelf(make, budget)


def test_the_least_recently_used_goes_first():
    asked = []
    shelf = shelf_of(100, asked)
    for size in (40, 41, 40, 42):
        assert len(shelf[size]) == size
    assert asked == [40, 41, 42]
    assert (40 in shelf, 41 in shelf, 42 in shelf) == (True, False, True)
    assert shelf.nbytes == 82
    # it is made again
    assert len(shelf[41]) == 41
    assert asked == [40, 41, 42, 41]


def test_the_newest_stays_though_it_is_too_large():
    asked = []
    shelf = shelf_of(100, asked)
    for size in (10, 500, 500):
        shelf[size]
    assert asked == [10, 500]
    assert shelf.nbytes == 500
    shelf[20]
    assert shelf.nbytes == 20


def test_it_never_holds_more_than_its_budget():
    shelf = shelf_of(1000, [])
    for size in np.random.default_rng(0).integers(1, 400, 300).tolist():
        shelf[size]
        assert shelf.nbytes <= 1000


def test_an_error_is_not_kept():
    def make(key):
        raise ValueError(key)

    shelf = Shelf(make)
    for _ in range(2):
        with pytest.raises(ValueError, match='x'):
            shelf['x']
    assert 'x' not in shelf


def test_a_slow_result_does_not_hold_up_others():
    may_end = threading.Event()

    def make(key):
        if key == 'slow':
            may_end.wait(20)
        return np.zeros(1)

    shelf = Shelf(make)
    slow = threading.Thread(target=lambda: shelf['slow'])
    slow.start()
    assert len(shelf['quick']) == 1
    assert 'slow' not in shelf
    may_end.set()
    slow.join(20)
    assert 'slow' in shelf
