import subprocess
import sys
import threading
from concurrent.futures import CancelledError

import pytest

from qaclims_mm.vlms.endpoint.workers import Workers


def test_results_and_errors():
    workers = Workers(3)
    futures = [workers.submit(pow, n, 2) for n in range(50)]
    assert [f.result(30) for f in futures] == [n * n for n in range(50)]
    with pytest.raises(ZeroDivisionError):
        workers.submit(divmod, 1, 0).result(30)
    # the thread goes on
    assert workers.submit(pow, 2, 3).result(30) == 8
    workers.close()


def test_all_threads_work_at_the_same_time():
    workers, together = Workers(5), threading.Barrier(5)
    futures = [workers.submit(together.wait, 30) for _ in range(5)]
    assert sorted(f.result(30) for f in futures) == list(range(5))
    workers.close()


def test_close_cancels_what_has_not_begun():
    workers, begun, gate = Workers(1), threading.Event(), threading.Event()
    first = workers.submit(lambda: begun.set() or gate.wait(30))
    others = [workers.submit(pow, 2, 2) for _ in range(5)]
    assert begun.wait(30)
    workers.close()
    assert all(f.cancelled() for f in others)
    gate.set()
    assert first.result(30) is True
    with pytest.raises(CancelledError):
        others[0].result()
    workers.close()


def test_the_end_of_a_process_does_not_wait():
    code = (
        'import time; from qaclims_mm.vlms.endpoint.workers import Workers\n'
        'Workers(2).submit(time.sleep, 600)'
    )
    subprocess.run([sys.executable, '-c', code], check=True, timeout=120)
