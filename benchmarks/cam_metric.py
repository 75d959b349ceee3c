"""Counting how good maps are: all thresholds in one pass against a pass each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.case import Case
from qaclims_mm.errors import FormatError
from qaclims_mm.functional.evaluation import count_pixels

_SIZES = {'tiny': (2, 94, 125), 'full': (4, 375, 500)}
THRESHOLDS = np.arange(1, 100) / 100
_BARS = {'tiny': 10.0, 'full': 20.0}


def build(size: str, device: torch.device) -> Case:
    """Return the counting of images with 2 classes, on the CPU whatever the device."""
    number, height, width = _SIZES[size]
    rng = np.random.default_rng(0)
    images = [
        (
            rng.random((2, height, width), dtype=np.float32),
            np.array([3, 14]),
            rng.choice(np.array([0, 4, 15, 255]), (height, width)),
        )
        for _ in range(number)
    ]

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
        traffic=sum(maps.nbytes + mask.nbytes for maps, _, mask in images),
    )
