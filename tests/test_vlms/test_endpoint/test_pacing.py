import threading
import time
from email.utils import formatdate

import pytest

from qaclims_mm.vlms.endpoint.pacing import LONGEST_PAUSE, Pace, delay_of


@pytest.mark.parametrize(
    ('attempt', 'seconds'), [(0, 1), (1, 2), (3, 8), (5, 32), (6, 60), (50, 60), (2000, 60)]
)
def test_delays_double_up_to_a_minute(attempt, seconds):
    assert delay_of(attempt, share=0.0) == seconds
    assert delay_of(attempt, share=1.0) == pytest.approx(1.5 * seconds, rel=0.05)


def test_delays_are_spread():
    delays = [delay_of(2) for _ in range(50)]
    assert len(set(delays)) > 40
    assert 4 <= min(delays) < max(delays) <= 6


@pytest.mark.parametrize(
    ('header', 'least'),
    [('7', 7), ('0.5', 0.5), ('0', 0), ('-3', 0), ('90', 90), ('1e9', LONGEST_PAUSE)],
)
def test_retry_after_is_honoured(header, least):
    assert delay_of(0, header, share=0.0) == least
    assert delay_of(9, header, share=1.0) >= least


def test_retry_after_as_a_date():
    header = formatdate(time.time() + 40, usegmt=True)
    assert 38 <= delay_of(0, header, share=0.0) <= 40
    assert delay_of(0, formatdate(time.time() - 40, usegmt=True), share=0.0) == 0


@pytest.mark.parametrize('header', ['', None, 'soon', 'nan', 'Mon, 99 Foo 2026'])
def test_a_header_of_no_sense_is_none(header):
    assert delay_of(1, header, share=0.0) == 2


class Clock:
    """Time that a waiting event moves."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def is_set(self):
        return False

    def wait(self, seconds):
        self.now += seconds
        return False


def test_requests_begin_at_the_rate():
    clock = Clock()
    pace = Pace(30, clock)
    begun = []
    for _ in range(4):
        pace.wait(clock)
        begun.append(clock.now)
    assert begun == [0, 2, 4, 6]


def test_without_a_limit_nothing_waits():
    clock = Clock()
    pace = Pace(None, clock)
    for _ in range(4):
        pace.wait(clock)
    assert clock.now == 0


def test_a_pause_holds_for_all():
    clock = Clock()
    pace = Pace(None, clock)
    pace.pause(5)
    pace.pause(3)
    pace.wait(clock)
    assert clock.now == 5


def test_a_stop_ends_the_wait():
    stop = threading.Event()
    stop.set()
    pace = Pace(0.01)
    pace.wait(stop)
    before = time.monotonic()
    pace.wait(stop)
    assert time.monotonic() - before < 5
