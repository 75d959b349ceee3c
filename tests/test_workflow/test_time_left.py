import threading
import time

import pytest

from qaclims_mm.workflow import time_left
from qaclims_mm.workflow.time_left import (
    UNCORRECTED,
    compare_times,
    measure_slowdown,
    shown_estimate,
    shown_span,
)


def test_no_stage_has_run():
    assert compare_times({}, {}) == UNCORRECTED
    assert compare_times(dict(cam=4.0, irn=2.0), {}) == UNCORRECTED
    # of another plan
    assert compare_times(dict(cam=4.0), dict(segment=2.0)) == UNCORRECTED


def test_one_stage_may_be_an_exception():
    found = compare_times(dict(cam=4.0, irn=2.0), dict(cam=10.0))
    assert found == (1.0, 2.5, 2.5, 1)
    assert compare_times(dict(cam=4.0, irn=2.0), dict(cam=1.0)) == (0.25, 0.25, 1.0, 1)


def test_several_stages_span_what_they_took():
    found = compare_times(dict(cam=4.0, irn=2.0, segment=4.0), dict(cam=12.0, irn=4.0))
    assert found == (2.0, 16 / 6, 3.0, 2)


@pytest.mark.parametrize('minutes', [0.0, 0.1])
def test_stages_that_mostly_start_say_nothing(minutes):
    estimated = dict(texts=minutes, cam=4.0)
    assert compare_times(estimated, dict(texts=2.0)) == UNCORRECTED
    assert compare_times(estimated, dict(texts=2.0, cam=4.0)).number == 1


def test_a_machine_that_is_busy(monkeypatch):
    """Another process would have the time; here the clock has."""
    clock = iter([0.0, 0.2, 1.0, 1.4])
    used = iter([0.0, 0.05, 0.1, 0.1, 0.15, 0.2])
    monkeypatch.setattr(time_left.time, 'perf_counter', lambda: next(clock))
    monkeypatch.setattr(time_left.time, 'thread_time', lambda: next(used))
    assert measure_slowdown() == pytest.approx(4.0)


@pytest.mark.parametrize('seconds', [0.1, 0.11, 0.119])
def test_a_machine_that_is_as_good_as_quiet(monkeypatch, seconds):
    clock = iter([0.0, seconds, 1.0, 1.0 + seconds])
    used = iter([0.0, 0.05, 0.1, 0.1, 0.15, 0.2])
    monkeypatch.setattr(time_left.time, 'perf_counter', lambda: next(clock))
    monkeypatch.setattr(time_left.time, 'thread_time', lambda: next(used))
    assert measure_slowdown() == 1


def test_threads_that_share_a_core_slow_each_other_down():
    end = time.monotonic() + 20
    done = threading.Event()

    def work():
        while not done.is_set() and time.monotonic() < end:
            sum(range(1000))

    alone = measure_slowdown()
    others = [threading.Thread(target=work) for _ in range(3)]
    for thread in others:
        thread.start()
    try:
        assert measure_slowdown() > max(1.5, alone)
    finally:
        done.set()
        for thread in others:
            thread.join()


@pytest.mark.parametrize(
    ('low', 'high', 'text'),
    [
        (0.0, 0.0, '0 minutes'),
        (0.2, 0.4, 'less than a minute'),
        (0.2, 0.9, 'up to 1 minute'),
        (0.4, 3.2, 'up to 3 minutes'),
        (0.6, 1.2, '1 minute'),
        (4.0, 4.2, '4 minutes'),
        (4.0, 9.4, '4 to 9 minutes'),
        (90, 180, '1.5 to 3.0 hours'),
        (180, 180, '3.0 hours'),
        (500, 1500, '8.3 to 25 hours'),
    ],
)
def test_spans_in_words(low, high, text):
    assert shown_span(low, high) == text


@pytest.mark.parametrize(
    ('slowdown', 'said'),
    [
        (1.0, '15 minutes'),
        (3.0, '15 to 45 minutes'),
        (5.0, '15 to 75 minutes'),
        (5.1, '15 minutes on a quiet machine'),
        (295.4, '15 minutes on a quiet machine'),
    ],
)
def test_an_estimate_on_a_busy_machine(slowdown, said):
    assert shown_estimate(15.0, slowdown) == said
