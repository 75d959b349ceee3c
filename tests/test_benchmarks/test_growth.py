import pytest
import torch

from benchmarks import growth as module
from benchmarks.growth import Axis, Work, measure_sizes, one_thread, shape_of, slope_of


class Clock:
    """A clock of CPU time that a call moves forward."""

    def __init__(self):
        self.now, self.calls = 0.0, 0

    def process_time(self):
        return self.now

    def spend(self, seconds):
        self.now += seconds
        self.calls += 1


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(module, 'time', made)
    return made


def points(*seconds):
    return [dict(size=4**n, seconds=s) for n, s in enumerate(seconds)]


def test_slopes():
    assert slope_of(points(1, 4, 16, 64)) == pytest.approx(1)
    assert slope_of(points(3, 48, 768)) == pytest.approx(2)
    assert slope_of(points(5, 5)) == pytest.approx(0)
    # one point off the line moves the fit, and does not become it
    assert 1 < slope_of(points(1, 4, 16, 128)) < 1.5


def test_a_point_a_size(clock):
    def make(size):
        return Work(lambda: clock.spend(size), flops=7 * size, traffic=9 * size)

    found = measure_sizes(make, [1, 4])
    assert [{k: v for k, v in p.items() if k != 'bytes'} for p in found] == [
        dict(size=1, seconds=1, flops=7, traffic=9),
        dict(size=4, seconds=4, flops=28, traffic=36),
    ]
    assert all(p['bytes'] >= 0 for p in found)


@pytest.mark.parametrize(
    ('seconds', 'rounds'),
    # one call warms up and shows the memory
    [(0.01, 40), (0.5, 3), (5.0, 1)],
)
def test_short_calls_are_repeated_and_long_ones_are_not(clock, seconds, rounds):
    measure_sizes(lambda size: Work(lambda: clock.spend(seconds), flops=0), [1])
    assert clock.calls == pytest.approx(1 + rounds, abs=1)


def test_flops_are_counted_where_they_are_not_given():
    def make(size):
        a = torch.ones(size, size)
        return Work(lambda: a @ a)

    assert [p['flops'] for p in measure_sizes(make, [4, 8])] == [2 * 4**3, 2 * 8**3]


def test_calls_have_one_thread():
    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        measure_sizes(lambda size: Work(lambda: seen.append(torch.get_num_threads()), 0), [1])
        assert set(seen) == {1}
        with pytest.raises(ZeroDivisionError), one_thread():
            raise ZeroDivisionError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize('pixels', [1, 2, 1000, 64_000])
def test_shapes_have_about_the_pixels(pixels):
    height, width = shape_of(pixels)
    assert height <= width or pixels < 3
    assert height * width == pytest.approx(pixels, rel=0.03)


def test_tiny_is_the_two_smallest_sizes():
    axis = Axis('pixels', (1, 4, 16))
    assert axis.of('full') == (1, 4, 16)
    assert axis.of('tiny') == (1, 4)
