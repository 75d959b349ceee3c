"""Confident labels by the dense CRF: all cores, and one lattice for both fields."""

from collections.abc import Sequence
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.case import Case
from benchmarks.growth import Point, Work, measure_sizes, shape_of
from qaclims_mm.errors import FormatError
from qaclims_mm.functional.crf import CRFSettings
from qaclims_mm.functional.crf_labels import confident_labels
from qaclims_mm.schemas.names import counted

_SIZES = {'tiny': (4, 94, 125), 'full': (8, 375, 500)}
_BARS = {'tiny': 1.2, 'full': 1.7}


def smooth_scene(number: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return maps ``(2, H, W)``, their keys and a picture, smooth as real ones are."""
    random = np.random.default_rng(number)

    def field(rows: int, columns: int) -> np.ndarray:
        coarse = Image.fromarray(random.random((rows, columns), dtype=np.float32))
        return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).clip(0, 1)

    maps = np.stack([field(6, 8) ** 2 for _ in range(2)])
    picture = np.stack([255 * field(24, 32) for _ in range(3)], -1).astype(np.uint8)
    return maps, np.array([3, 14]), picture


def flops_of(number: int, height: int, width: int) -> int:
    """Return the operations of the dense CRF of a scene in all steps."""
    # it draws its pictures with the function above
    from benchmarks import dense_crf

    return dense_crf.flops_of(dense_crf.scene(number, height, width), CRFSettings())


def growth(sizes: Sequence[int]) -> list[Point]:
    """Return the points of the labels of an image of so many pixels, in one process."""

    def make(pixels: int) -> Work:
        size = shape_of(pixels)
        return Work(partial(confident_labels, *smooth_scene(0, *size)), flops_of(0, *size))

    return measure_sizes(make, sizes)


def build(size: str, device: torch.device) -> Case:
    """Return the labels of images with 2 classes, on the CPU whatever the device."""
    number, height, width = _SIZES[size]
    scenes = [smooth_scene(n, height, width) for n in range(number)]
    context = get_context('spawn')
    # closed when the process ends
    # as in the stage, whose processes have one thread each
    one, two = (context.Pool(n, torch.set_num_threads, (1,)) for n in (1, 2))
    threaded = context.Pool(1)
    for pool in (one, two, threaded):
        pool.starmap(confident_labels, scenes[:2], chunksize=1)

    def check(results: Sequence[Any]) -> None:
        first, *others = results
        same = (np.array_equal(a, b) for way in others for a, b in zip(first, way, strict=True))
        if not all(same):
            raise FormatError('the ways make other labels.')

    return Case(
        {
            '2 processes': partial(two.starmap, confident_labels, scenes, 1),
            '1 process, all threads': partial(threaded.starmap, confident_labels, scenes, 1),
            '1 process': partial(one.starmap, confident_labels, scenes, 1),
        },
        f'{counted(number, "image")} of {height} x {width} with 2 classes',
        number,
        bar=_BARS[size],
        flops=sum(flops_of(n, height, width) for n in range(number)),
        check=check,
    )
