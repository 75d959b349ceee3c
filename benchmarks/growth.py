"""How time and memory of a stage grow with its size.

A benchmark module takes part with a function ``growth(sizes)``, which returns one point a size:
``dict(size, seconds, bytes)``, and ``flops`` and ``traffic`` where they are known. ``seconds`` is
CPU time on one thread, which a busy machine stretches little; ``bytes`` is how far the peak rises.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch

from benchmarks.machine import count_flops, measure
from qaclims_mm.progress import track

Point = dict[str, Any]
# seconds: short calls are repeated for so long
_ENOUGH = 0.4
_ROUNDS, _MOST_ROUNDS = 3, 100
_LONG = 2.0
# side of a square matrix and bytes: large enough for the full rates
_SIDE, _COPIED = 1024, 2**27


class Axis(NamedTuple):
    """What a stage grows over.

    Attributes:
        unit: What is counted, in the plural.
        sizes: From small to large, each four times the one before where time allows.
    """

    unit: str
    sizes: tuple[int, ...]

    def of(self, size: str) -> tuple[int, ...]:
        """Return the sizes of ``full``, or the two smallest ones of ``tiny``."""
        return self.sizes[:2] if size == 'tiny' else self.sizes


_THOUSANDS = (1000, 4000, 16_000, 64_000)
# in the order of the page
AXES = {
    'qape': Axis('images', (1, 4, 16, 64)),
    'ritc': Axis('images', (1, 2, 4, 8)),
    'texts': Axis('images', (250, 1000, 4000, 16_000)),
    'cams': Axis('pixels', _THOUSANDS),
    'cam_export': Axis('pixels', _THOUSANDS),
    'random_walk': Axis('cells', _THOUSANDS),
    'dense_crf': Axis('pixels', _THOUSANDS),
    'ir_label': Axis('pixels', _THOUSANDS),
    'irn_masks': Axis('pixels', _THOUSANDS),
    'cam_metric': Axis('pixels', _THOUSANDS),
    'predict': Axis('images', (1, 4, 16, 64)),
}


class Work(NamedTuple):
    """A call of one size.

    Attributes:
        call: What is timed.
        flops: FLOPs of the call; ``None`` counts those of torch's matrix products and convolutions.
        traffic: Bytes that have to be read and written at least.
    """

    call: Callable[[], object]
    flops: int | None = None
    traffic: int = 0


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def shape_of(pixels: int) -> tuple[int, int]:
    """Return height and width of an image of about so many pixels, three to four."""
    height = max(1, round(math.sqrt(pixels * 3 / 4)))
    return height, max(1, round(pixels / height))


def rates() -> tuple[float, float]:
    """Measure FLOPs a second of a matrix product and bytes a second of a copy, on one thread.

    Both are of CPU time, as the points are.
    """
    a, source = torch.randn(_SIDE, _SIDE), torch.zeros(_COPIED, dtype=torch.uint8)
    target = torch.empty_like(source)
    with one_thread():
        flop_rate = 2 * _SIDE**3 / _best_cpu_seconds(lambda: a @ a)
        return flop_rate, 2 * _COPIED / _best_cpu_seconds(lambda: target.copy_(source))


def measure_sizes(make: Callable[[int], Work], sizes: Sequence[int]) -> list[Point]:
    """Measure a call of each size on one thread of the CPU.

    Args:
        make: Returns the call of a size.
        sizes: From small to large.

    Returns:
        A point a size, with the best of some rounds.
    """
    with one_thread():
        return [_measure_size(make(size), size) for size in track(sizes, 'sizes', len(sizes))]


def _measure_size(work: Work, size: int) -> Point:
    flops = count_flops(work.call) if work.flops is None else work.flops
    # also warms up
    spent, _ = measure(work.call, torch.device('cpu'))
    return dict(
        size=size,
        seconds=_best_cpu_seconds(work.call),
        bytes=spent.peak,
        flops=flops,
        traffic=work.traffic,
    )


def _best_cpu_seconds(call: Callable[[], object]) -> float:
    """Return the CPU seconds of the fastest call; one call is enough where it is long."""
    best, total = math.inf, 0.0
    for done in range(1, _MOST_ROUNDS + 1):
        begin = time.process_time()
        call()
        seconds = time.process_time() - begin
        best, total = min(best, seconds), total + seconds
        if total > _LONG or (done >= _ROUNDS and total >= _ENOUGH):
            break
    return best


def slope_of(points: Sequence[Mapping[str, Any]]) -> float:
    """Fit the exponent with which the seconds grow: 1 is linear, 2 is quadratic.

    Args:
        points: At least two, of different sizes.
    """
    x, y = ([math.log(p[k]) for p in points] for k in ('size', 'seconds'))
    middle, level = sum(x) / len(x), sum(y) / len(y)
    across = sum((a - middle) ** 2 for a in x)
    return sum((a - middle) * (b - level) for a, b in zip(x, y, strict=True)) / across
