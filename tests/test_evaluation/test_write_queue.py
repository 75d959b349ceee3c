import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from qaclims_mm.evaluation.write_queue import WriteQueue

SOON = 30  # seconds; no test waits for them unless something hangs


@pytest.fixture
def gate():
    """Let calls of ``gate.wait`` go on at the end of a test, whatever happens."""
    event = threading.Event()
    yield event
    event.set()


def test_every_call_is_made_with_its_arguments():
    queue, seen = WriteQueue(threads=3, bound=4), []
    for number in range(50):
        queue.put(lambda *args: seen.append(args), number, str(number))
    queue.join()
    assert sorted(seen) == [(n, str(n)) for n in range(50)]


def test_calls_of_one_thread_keep_their_order():
    queue, seen = WriteQueue(threads=1, bound=4), []
    for number in range(50):
        queue.put(seen.append, number)
    queue.join()
    assert seen == list(range(50))


def test_the_caller_goes_on_and_join_waits(gate):
    queue, seen = WriteQueue(), []
    queue.put(lambda: gate.wait(SOON) and seen.append(threading.current_thread()))
    assert not seen
    threading.Timer(0.05, gate.set).start()
    queue.join()
    assert len(seen) == 1
    assert seen[0] is not threading.current_thread()
    # no thread is left to those that fork
    assert not seen[0].is_alive()


def test_a_full_queue_waits_for_the_oldest_call(gate):
    queue, seen = WriteQueue(threads=1, bound=3), []
    queue.put(gate.wait, SOON)
    queue.put(seen.append, 1)
    queue.put(seen.append, 2)
    with ThreadPoolExecutor() as pool:
        fourth = pool.submit(queue.put, seen.append, 3)
        with pytest.raises(TimeoutError):
            fourth.result(timeout=0.1)
        gate.set()
        fourth.result(timeout=SOON)
    queue.join()
    assert seen == [1, 2, 3]


def test_large_arrays_wait_for_those_before_them(gate):
    queue, seen = WriteQueue(threads=4, megabytes=1), []
    large, small = np.zeros(700 * 1024, np.uint8), np.zeros(100 * 1024, np.uint8)
    queue.put(lambda _: gate.wait(SOON), large)
    queue.put(lambda _: gate.wait(SOON), small)
    with ThreadPoolExecutor() as pool:
        third = pool.submit(queue.put, lambda _: seen.append(1), large)
        with pytest.raises(TimeoutError):
            third.result(timeout=0.1)
        gate.set()
        third.result(timeout=SOON)
    queue.join()
    assert seen == [1]


def test_an_array_larger_than_the_bound_is_written_alone():
    queue, seen = WriteQueue(megabytes=0.01), []
    for number in range(3):
        queue.put(lambda array: seen.append(array[0]), np.full(2**20, number))
    queue.join()
    assert sorted(seen) == [0, 1, 2]


def fail(message):
    raise OSError(28, message)


def test_what_a_call_raises_comes_out_of_join_when_all_are_done(gate):
    queue, seen = WriteQueue(threads=2), []
    queue.put(lambda: gate.wait(SOON) and seen.append(1))
    queue.put(fail, 'No space left on device')
    queue._calls[1][0].exception(SOON)
    threading.Timer(0.05, gate.set).start()
    with pytest.raises(OSError, match='No space left on device'):
        queue.join()
    assert seen == [1]
    # it was told once
    queue.join()


def test_what_a_call_raises_comes_out_of_a_later_put():
    queue = WriteQueue()
    queue.put(fail, 'No space left on device')
    queue._calls[0][0].exception(SOON)
    with pytest.raises(OSError, match='No space left on device'):
        queue.put(print)


def test_a_queue_goes_on_after_a_join():
    queue, seen = WriteQueue(), []
    queue.join()
    for number in range(2):
        queue.put(seen.append, number)
        queue.join()
    assert seen == [0, 1]
