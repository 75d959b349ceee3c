"""Counting the pixels of masks, and those that two masks have in common."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from qaclims_mm.functional.evaluation import iou
from qaclims_mm.schemas import IGNORE_INDEX, resize_mask
from qaclims_mm.visualization.overlays import outline_of

# pixels by which polygons may move an outline
OUTLINE = 2


class Overlap:
    """Pixels of each value in two masks, summed over images.

    Attributes:
        images: Number of pairs of masks.
        both: Pixels that have a value in both masks, ``(V,)`` for the values 0 to V - 1.
        first: Pixels that have a value in the first mask, ``(V,)``.
        second: Pixels that have a value in the second mask, ``(V,)``.
    """

    def __init__(self) -> None:
        self.images = 0
        self.both = self.first = self.second = np.zeros(0, np.int64)

    def add(self, one: np.ndarray, other: np.ndarray) -> None:
        """Count two masks of one image at the size of the smaller one.

        Args:
            one: First mask, ``(H, W)``.
            other: Second mask. Pixels that are ignored in one of the two do not count.
        """
        one, other = to_smallest([one, other])
        valid = (one != IGNORE_INDEX) & (other != IGNORE_INDEX)
        one, other = one[valid], other[valid]
        number = max(one.max(initial=0) + 1, other.max(initial=0) + 1, len(self.both))
        self.both = _sum(self.both, one[one == other], number)
        self.first = _sum(self.first, one, number)
        self.second = _sum(self.second, other, number)
        self.images += 1

    def merged(self, other: 'Overlap') -> 'Overlap':
        """Return the counts of two sets of images together."""
        found = Overlap()
        found.images = self.images + other.images
        number = max(len(self.both), len(other.both))
        for name in ('both', 'first', 'second'):
            one, two = getattr(self, name), getattr(other, name)
            padded = [np.pad(counts, (0, number - len(counts))) for counts in (one, two)]
            setattr(found, name, padded[0] + padded[1])
        return found

    def ious(self) -> dict[int, float]:
        """Return {value: IoU in [0, 1]} of the values that are in one of the two masks."""
        found = iou(self.both[:, None], self.first[:, None], self.second)[:, 0]
        return {int(v): float(found[v]) for v in np.flatnonzero(~np.isnan(found))}

    def mean_iou(self) -> float:
        """Return the mean IoU over the values that occur, in percent; NaN if nothing counts."""
        found = [*self.ious().values()]
        return 100 * float(np.mean(found)) if found else math.nan


def _sum(counts: np.ndarray, values: np.ndarray, number: int) -> np.ndarray:
    total = np.bincount(values, minlength=number)
    total[: len(counts)] += counts
    return total


def to_smallest(masks: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return masks of one image at the size of the smallest; maps may be of a smaller image."""
    size = min((m.shape for m in masks), key=math.prod)
    return [m if m.shape == size else resize_mask(m, (size[0], size[1])) for m in masks]


def is_nearly(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether a mask is another one as polygons keep it.

    Both must have the same classes, and differ in no pixel that is more than ``OUTLINE`` pixels
    away from an outline. Ignored pixels do not count.

    Args:
        one: Mask ``(H, W)``.
        other: Mask; one of another size is another mask.
    """
    if one.shape != other.shape:
        return False
    if areas_of(one).keys() != areas_of(other).keys():
        return False
    valid = (one != IGNORE_INDEX) & (other != IGNORE_INDEX)
    near = np.ones((2 * OUTLINE - 1, 2 * OUTLINE - 1), np.uint8)
    outline = cv2.dilate(outline_of(one).astype(np.uint8), near)
    return not ((one != other) & valid & (outline == 0)).any()


def areas_of(mask: np.ndarray) -> dict[int, float]:
    """Return {class index k: share of the pixels of a mask}; ignored pixels are of no class."""
    counts = np.bincount(mask.ravel())
    values = [v for v in np.flatnonzero(counts).tolist() if v not in (0, IGNORE_INDEX)]
    return {v - 1: float(counts[v]) / mask.size for v in values}


def class_ious(one: np.ndarray, other: np.ndarray) -> dict[int, float]:
    """Return {class index k: IoU of two masks} of the classes that are in one of them."""
    overlap = Overlap()
    overlap.add(one, other)
    return {value - 1: found for value, found in overlap.ious().items() if value}
