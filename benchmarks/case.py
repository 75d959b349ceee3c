"""A stage's ways of working, and how they are measured against each other and the machine."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import torch

from benchmarks.machine import (
    Spent,
    copy_rate,
    count_flops,
    describe,
    measure,
    measure_alone,
    product_rate,
)
from qaclims_mm.progress import track

# seconds: what drifts within them is averaged
LONG = 15.0


def _accept(results: Sequence[object]) -> None:
    """Take any results."""


@dataclass(frozen=True)
class Case:
    """A stage, ready to be timed.

    Attributes:
        ways: {name: function}; ours first, the plain reference last.
        work: What one call does, in words.
        items: How many of ``unit`` one call works through.
        unit: What is counted, in the plural.
        bar: How many times as fast as the reference ours has to be; 0 demands nothing.
        memory_bar: How many times less memory; 0 demands nothing.
        memory: ``peak`` or, for what is opened to stay, ``held``: each call then runs in a copy
            of this process and on the CPU.
        traffic: Bytes that have to be read and written at least.
        flops: Of our way; ``None`` counts those of torch's matrix products and convolutions.
        dtype: Whose rate of matrix products is the ceiling.
        check: Raises ``FormatError`` if what the ways return does not agree.
    """

    ways: Mapping[str, Callable[[], object]]
    work: str
    items: int
    unit: str = 'images'
    bar: float = 0.0
    memory_bar: float = 0.0
    memory: Literal['peak', 'held'] = 'peak'
    traffic: int = 0
    flops: int | None = None
    dtype: torch.dtype = torch.float32
    check: Callable[[Sequence[object]], None] = _accept


@dataclass
class Timing:
    """What one way took, a number a round."""

    name: str
    spent: list[Spent] = field(default_factory=list)

    @property
    def seconds(self) -> list[float]:
        """Seconds a round."""
        return [s.seconds for s in self.spent]

    @property
    def median(self) -> float:
        """The median second."""
        return statistics.median(self.seconds)

    @property
    def peak(self) -> int:
        """The median of the peaks, in bytes."""
        return int(statistics.median(s.peak for s in self.spent))

    @property
    def held(self) -> int:
        """The median of the bytes that stay in use."""
        return int(statistics.median(s.held for s in self.spent))


@dataclass(frozen=True)
class Report:
    """The timings of a stage, and the least time that the machine needs for it.

    Attributes:
        case: What was timed.
        timings: In the order of the ways.
        device: Name of the processor.
        flops: Of our way.
        flop_rate: FLOPs a second of large matrix products, measured in the same run.
        byte_rate: Bytes a second of large copies, measured in the same run.
    """

    case: Case
    timings: list[Timing]
    device: str
    flops: int
    flop_rate: float
    byte_rate: float

    @property
    def floor(self) -> float:
        """Seconds that our way's FLOPs, or the least traffic, take at the measured rates."""
        return max(self.flops / self.flop_rate, self.case.traffic / self.byte_rate)

    def ratio(self, timing: Timing) -> float:
        """How many times as fast as the reference a way is; by medians."""
        return self.timings[-1].median / timing.median

    def memory_ratio(self, timing: Timing) -> float:
        """How many times less memory than the reference a way takes."""
        theirs, own = (getattr(t, self.case.memory) for t in (self.timings[-1], timing))
        return theirs / max(own, 1)

    def shortfalls(self) -> list[str]:
        """Say where our way is below half of a bar."""
        ours = self.timings[0]
        judged = (
            ('speed', self.ratio(ours), self.case.bar),
            ('memory', self.memory_ratio(ours), self.case.memory_bar),
        )
        return [f'{n} {r:.2f}x of a bar of {b:g}x' for n, r, b in judged if r < b / 2]


def run_case(case: Case, device: torch.device, rounds: int) -> Report:
    """Run each way once in every round, in turn; one that takes long runs once.

    Args:
        case: What to time.
        device: Where it runs; its peak memory and its rates are measured.
        rounds: How often.

    Raises:
        FormatError: If the results of the ways disagree.
    """
    flops = case.flops
    if flops is None:
        flops = count_flops(next(iter(case.ways.values())))
    take = measure_alone if case.memory == 'held' else partial(measure, device=device)
    rates = product_rate(device, case.dtype), copy_rate(device)
    timings = [Timing(name) for name in case.ways]
    results: list[object] = [None] * len(timings)
    for _ in track(range(rounds), 'rounds', rounds):
        for number, function in enumerate(case.ways.values()):
            if timings[number].spent and timings[number].median > LONG:
                continue
            spent, results[number] = take(function)
            timings[number].spent.append(spent)
    case.check(results)
    return Report(case, timings, describe(device), flops, *rates)
