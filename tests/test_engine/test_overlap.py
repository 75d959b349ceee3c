import threading

import pytest

from qaclims_mm.engine.overlap import run_overlapped

WAIT = 20


def nothing(value):
    return value


@pytest.mark.parametrize('ahead', [1, 3, 100])
@pytest.mark.parametrize('number', [0, 1, 2, 9])
def test_all_items_in_order(ahead, number):
    done = run_overlapped(str, lambda x: x + '!', len, [10**n for n in range(number)], ahead)
    assert list(done) == [n + 2 for n in range(number)]


def test_the_computation_stays_in_this_thread():
    threads = list(
        run_overlapped(
            lambda _: [threading.current_thread()],
            lambda before: [*before, threading.current_thread()],
            lambda before: [*before, threading.current_thread()],
            range(5),
            2,
        )
    )
    here = threading.current_thread()
    assert all(made is here and here not in (read, written) for read, made, written in threads)


def test_reading_and_writing_beside_the_computation():
    read_next, computed_next = threading.Event(), threading.Event()

    def read(item):
        if item == 1:
            read_next.set()
        return item

    def compute(item):
        # of the first item it ends when the second one is read
        assert item > 0 or read_next.wait(WAIT)
        if item == 1:
            computed_next.set()
        return item

    def write(item):
        # of the first item it ends when the second one is computed
        assert item > 0 or computed_next.wait(WAIT)
        return item

    assert list(run_overlapped(read, compute, write, range(3), 1)) == [0, 1, 2]


@pytest.mark.parametrize('ahead', [1, 4])
def test_few_items_are_held(ahead):
    lock, held, most = threading.Lock(), set(), []

    def read(item):
        with lock:
            held.add(item)
            most.append(len(held))
        return item

    def write(item):
        with lock:
            held.remove(item)

    list(run_overlapped(read, nothing, write, range(50), ahead))
    assert not held
    # those before the computation, one in it and those behind it
    assert max(most) <= 2 * ahead + 2


@pytest.mark.parametrize('place', range(3))
def test_an_error_ends_it(place):
    def fail(item):
        if item == 3:
            raise ZeroDivisionError
        return item

    begun, before = [], threading.active_count()
    functions = [lambda item: begun.append(item) or item, nothing, nothing]
    functions[place] = (lambda item: begun.append(item) or fail(item)) if place == 0 else fail
    done = []
    with pytest.raises(ZeroDivisionError):
        done.extend(run_overlapped(*functions, range(1000), 2))
    assert len(begun) < 20
    assert threading.active_count() <= before


def test_a_caller_that_stops_early():
    begun = []
    found = run_overlapped(lambda x: begun.append(x) or x, nothing, nothing, range(1000), 2)
    assert next(found) == 0
    found.close()
    assert len(begun) < 20
