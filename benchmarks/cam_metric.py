"""Counting how good maps are: all thresholds in one pass against a pass each."""

from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from mmseg.evaluation import IoUMetric
from torch import Tensor

from benchmarks.case import Case
from benchmarks.growth import Point, Work, measure_sizes, shape_of
from qaclims_mm.errors import FormatError
from qaclims_mm.functional.evaluation import count_pixels
from qaclims_mm.schemas.names import counted

_SIZES = {'tiny': (2, 94, 125), 'full': (4, 375, 500)}
THRESHOLDS = np.arange(1, 100) / 100
_BARS = {'tiny': 10.0, 'full': 20.0}
CLASSES, IGNORED = 21, 255
# maps of 2 classes, keys, ground truth
Image = tuple[np.ndarray, np.ndarray, np.ndarray]


def make_images(number: int, height: int, width: int) -> list[Image]:
    """Return random maps of 2 of 20 classes with a random ground truth."""
    rng = np.random.default_rng(0)
    return [
        (
            rng.random((2, height, width), dtype=np.float32),
            np.array([3, 14]),
            rng.choice(np.array([0, 4, 15, IGNORED]), (height, width)),
        )
        for _ in range(number)
    ]


def traffic_of(images: Sequence[Image]) -> int:
    """Return the bytes of maps and ground truth, each of which is read once."""
    return sum(maps.nbytes + mask.nbytes for maps, _, mask in images)


def count_by(
    right: Callable[[Tensor, Tensor], Tensor], images: Sequence[Image]
) -> list[np.ndarray]:
    """Count the right pixels ``(m, T)`` of each image with another library, a pass a threshold.

    Args:
        right: Returns the right pixels of all classes, ``(K + 1,)``, of a mask and ground truth.
        images: See ``make_images``.
    """
    found = []
    for maps, keys, mask in images:
        highest, best, truth = maps.max(0), keys[maps.argmax(0)] + 1, torch.from_numpy(mask)
        values = np.union1d(mask[mask != IGNORED], [0, *(keys + 1)])
        counts = []
        for threshold in THRESHOLDS.astype(np.float32):
            predicted = torch.from_numpy(np.where(highest > threshold, best, 0))
            counts.append(right(predicted, truth).numpy()[values])
        found.append(np.stack(counts, -1).astype(np.int64))
    return found


def right_by_mmseg(predicted: Tensor, truth: Tensor) -> Tensor:
    """Return the right pixels of each class by mmseg's metric."""
    return IoUMetric.intersect_and_union(predicted, truth, CLASSES, IGNORED)[0]


def right_by_torchmetrics(predicted: Tensor, truth: Tensor) -> Tensor:
    """Return the right pixels of each class by the matrix of torchmetrics' Jaccard index."""
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    return multiclass_confusion_matrix(predicted, truth, CLASSES, ignore_index=IGNORED).diag()


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
        ours, _, *others = results
        for other in others:
            if not all(np.array_equal(a, b) for a, b in zip(ours, other, strict=True)):
                raise FormatError('one pass counts other pixels than a pass a threshold.')

    ways: dict[str, Callable[[], object]] = {
        '99 thresholds in one pass': lambda: count(THRESHOLDS),
        'one threshold': lambda: count(THRESHOLDS[14:15]),
        "99 passes of mmseg's IoUMetric": partial(count_by, right_by_mmseg, images),
    }
    if find_spec('torchmetrics'):
        ways["99 passes of torchmetrics' confusion matrix"] = partial(
            count_by, right_by_torchmetrics, images
        )
    ways['99 passes of one threshold'] = passes
    return Case(
        ways,
        f'{counted(number, "image")} of {height} x {width} with 2 classes',
        number,
        bar=_BARS[size],
        check=check,
        traffic=traffic_of(images),
    )
