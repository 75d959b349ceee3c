"""How far the masks of the stages agree on each class, a signal of quality without ground truth."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qaclims_mm.review.findings import Reviewed


class ClassAgreement(NamedTuple):
    """How far masks agree on a class.

    Attributes:
        k: Class index.
        images: Number of images that have the class in a mask.
        ious: {two names of sources: mean IoU over the images that have the class in one of both},
            in [0, 1].
    """

    k: int
    images: int
    ious: dict[tuple[str, str], float]


def agreement_of_classes(reviewed: Sequence[Reviewed]) -> list[ClassAgreement]:
    """Return how far masks agree on each class, the class on which they agree least first.

    Args:
        reviewed: The images.
    """
    found: dict[int, dict[tuple[str, str], list[float]]] = {}
    images: dict[int, int] = {}
    for each in reviewed:
        for k in {k for ious in each.ious.values() for k in ious}:
            images[k] = images.get(k, 0) + 1
        for pair, ious in each.ious.items():
            for k, iou in ious.items():
                found.setdefault(k, {}).setdefault(pair, []).append(iou)
    classes = [
        ClassAgreement(k, images[k], {pair: float(np.mean(v)) for pair, v in pairs.items()})
        for k, pairs in found.items()
    ]
    return sorted(classes, key=lambda c: (np.mean([*c.ious.values()]), c.k))


def pairs_of(reviewed: Sequence[Reviewed], sources: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of sources that have a mask of the same image, in the order of sources."""
    there = {pair for each in reviewed for pair in each.ious}
    return [pair for pair in itertools.combinations(sources, 2) if pair in there]
