import os

import pytest
import torch

from benchmarks import case as module
from benchmarks.case import Case, Report, Timing, run_case
from benchmarks.machine import Spent
from qaclims_mm.errors import FormatError

CPU = torch.device('cpu')


@pytest.fixture(autouse=True)
def rates(monkeypatch):
    """The rates of the machine, which take a second to measure."""
    monkeypatch.setattr(module, 'product_rate', lambda device, dtype: 1e9)
    monkeypatch.setattr(module, 'copy_rate', lambda device: 1e6)


def timing(seconds, peaks=(0,), held=(0,)):
    rows = max(len(seconds), len(peaks), len(held))
    columns = (list(x) * (rows // len(x)) for x in (seconds, peaks, held))
    return Timing('way', [Spent(*row) for row in zip(*columns, strict=True)])


def report(ours, theirs, flops=0, **options):
    case = Case(dict(ours=int, theirs=int), 'work', 1, **options)
    return Report(case, [ours, timing([9.0]), theirs], 'cpu', flops, 1e9, 1e6)


def test_ways_run_in_turn_and_results_are_checked():
    calls, checked = [], []
    ways = {name: lambda name=name: calls.append(name) or name * len(calls) for name in 'abc'}
    done = run_case(Case(ways, 'work', 1, flops=7, check=checked.append), CPU, rounds=2)
    assert calls == ['a', 'b', 'c'] * 2
    # of the last round
    assert checked == [['a' * 4, 'b' * 5, 'c' * 6]]
    assert [(t.name, len(t.spent)) for t in done.timings] == [('a', 2), ('b', 2), ('c', 2)]
    assert (done.flops, done.flop_rate, done.byte_rate) == (7, 1e9, 1e6)


def test_flops_are_those_of_our_way():
    sides = []

    def multiply(side):
        sides.append(side)
        return torch.ones(side, side) @ torch.ones(side, side)

    done = run_case(Case(dict(a=lambda: multiply(4), b=lambda: multiply(8)), 'work', 1), CPU, 1)
    assert done.flops == 2 * 4**3
    # once more, to count
    assert sides == [4, 4, 8]


def test_a_way_that_takes_long_runs_once(monkeypatch):
    seconds = dict(short=module.LONG, long=module.LONG + 1)
    monkeypatch.setattr(module, 'measure', lambda f, device: (Spent(seconds[f()], 0), f()))
    checked = []
    ways = dict(short=lambda: 'short', long=lambda: 'long')
    done = run_case(Case(ways, 'work', 1, flops=0, check=checked.append), CPU, rounds=3)
    assert [len(t.spent) for t in done.timings] == [3, 1]
    assert checked == [['short', 'long']]


def test_ways_that_disagree_are_no_benchmark():
    def check(results):
        if results[0] != results[1]:
            raise FormatError('differ')

    with pytest.raises(FormatError, match=r'^differ$'):
        run_case(Case(dict(a=lambda: 1, b=lambda: 2), 'work', 1, check=check), CPU, 1)


def test_what_is_held_is_measured_in_copies_of_the_process():
    kept, checked = [], []
    ways = {name: lambda: kept.append(1) or (os.getpid(), len(kept)) for name in 'ab'}
    case = Case(ways, 'work', 1, memory='held', flops=0, check=checked.append)
    run_case(case, CPU, rounds=2)
    (first, one), (second, other) = checked[0]
    assert len({first, second, os.getpid()}) == 3
    assert one == other == 1
    assert kept == []


def test_least_time():
    assert report(timing([1]), timing([1]), flops=3 * 10**9).floor == 3
    assert report(timing([1]), timing([1]), flops=3 * 10**9, traffic=4 * 10**6).floor == 4


def test_ratios_are_of_medians():
    ours, theirs = timing([1, 9, 2], [10, 1, 30]), timing([8, 6, 99], [100, 900, 40])
    made = report(ours, theirs)
    assert made.ratio(ours) == 4
    assert made.ratio(theirs) == 1
    assert made.memory_ratio(ours) == 10
    # nothing measured is no division by zero
    assert made.memory_ratio(timing([1])) == 100


def test_memory_that_is_held():
    ours, theirs = timing([1], [10], [2]), timing([1], [20], [6])
    assert report(ours, theirs).memory_ratio(ours) == 2
    assert report(ours, theirs, memory='held').memory_ratio(ours) == 3


@pytest.mark.parametrize(
    ('bars', 'lines'),
    [
        ((0, 0), []),
        # half of a bar is enough
        ((6, 10), []),
        ((6.1, 10), ['speed 3.00x of a bar of 6.1x']),
        ((6, 11), ['memory 5.00x of a bar of 11x']),
        ((20, 50), ['speed 3.00x of a bar of 20x', 'memory 5.00x of a bar of 50x']),
    ],
)
def test_shortfalls(bars, lines):
    speed, memory = bars
    made = report(timing([1], [10]), timing([3], [50]), bar=speed, memory_bar=memory)
    assert made.shortfalls() == lines
