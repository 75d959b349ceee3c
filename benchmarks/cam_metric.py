"""Counting how good maps are: all thresholds in one pass against a pass each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.case import Case
from benchmarks.growth import Point, Work, measure_sizes, shape_of
from qaclims_mm.errors import FormatError
from qaclims_mm.functional.evaluation import count_pixels

_SIZES = {'tiny': (2, 94, 125), 'full': (4, 375, 500)}
THRESHOLDS = np.arange(1, 100) / 100
_BARS = {'tiny': 10.0, 'full': 20.0}
# maps of 2 classes, keys, ground truth
Image = tuple[np.ndarray, np.ndarray, np.ndarray]


def make_images(number: int, height: int, width: int) -> list[Image]:
    """Return random maps of 2 of 20 classes with a random ground truth."""
    rng = np.random.default_rng(0)
    return [
        (
            rng.random((2, height, width), dtype=np.float32),
            np.array([3, 14]),
            rng.choice(np.array([0, 4, 15, 255]), (height, width)),
        )
        for _ in range(number)
    ]


def traffic_of(images: Sequence[Image]) -> int:
    """Return the bytes of maps and ground truth, each of which is read once."""
    return sum(maps.nbytes + mask.nbytes for maps, _, mask in images)


def growth(sizes: Sequence[int]) -> list[Point]:
    """Return the points of 99 thresholds over an image of so many pixels."""

    def make(pixels: int) -> Work:
        [image] = make_images(1, *shape_of(pixels))
        return Work(lambda: count_pixels(*image, THRESHOLDS), 0, traffic_of([image]))

    return measure_sizes(make, sizes)


def build(size: str, device: torch.device) -> Case:
    """Return the counting of images with 2 classes, on the CPU whatever the device."""
    number, height, width = _SIZES[size]
    images = make_images(number, height, width)

    def count(used: np.ndarray) -> list[np.ndarray]:
        return [count_pixels(*image, used).tp for image in images]

    def passes() -> list[np.ndarray]:
        found = [count(np.array([t])) for t in THRESHOLDS]
        return [np.concatenate(one, -1) for one in zip(*found, strict=True)]

    def check(results: Sequence[Any]) -> None:
        ours, _, passes = results
        if not all(np.array_equal(a, b) for a, b in zip(ours, passes, strict=True)):
            raise FormatError('one pass counts other pixels than a pass a threshold.')

    return Case(
        {
            '99 thresholds in one pass': lambda: count(THRESHOLDS),
            'one threshold': lambda: count(THRESHOLDS[14:15]),
            '99 passes of one threshold': passes,
        },
        f'{number} images of {height} x {width} with 2 classes',
        number,
        bar=_BARS[size],
        check=check,
        traffic=traffic_of(images),
    )
