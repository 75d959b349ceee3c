"""Compare the masks of several choices on the same images."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qaclims_mm.engine.process_pool import run_in_processes, worthwhile_processes
from qaclims_mm.errors import FormatError
from qaclims_mm.functional.bootstrap import resample_miou
from qaclims_mm.progress import track
from qaclims_mm.review.counting import to_smallest
from qaclims_mm.review.sources import MaskSource
from qaclims_mm.schemas import IGNORE_INDEX, read_mask
from qaclims_mm.schemas.numbers.comparison import Agreement, Behind, ComparedMasks, Comparison

# percentiles of a 95 % interval
_INTERVAL = (2.5, 97.5)


class Candidate(NamedTuple):
    """An image and its ground truth.

    Attributes:
        image_id: Id of the image.
        truth: File of its ground truth mask, or ``None``.
        is_corrected: Whether the ground truth is a mask that a person has corrected.
    """

    image_id: str
    truth: Path | None = None
    is_corrected: bool = False


class Option(NamedTuple):
    """Masks of one choice.

    Attributes:
        masks_by: Choice, as in ``qaclims run --masks-by``.
        source: Masks of the choice.
        note: Reason not to recommend them, or ''.
        mask_models: Models trained with masks that made them.
    """

    masks_by: str
    source: MaskSource
    note: str = ''
    mask_models: Sequence[str] = ()


class Counts(NamedTuple):
    """Numbers of pixels in one image, for each of V mask values and M choices.

    Attributes:
        image: Image whose pixels are counted.
        correct: Pixels that each choice marks correctly, ``(M, V)``.
        predicted: Pixels that each choice marks, ``(M, V)``.
        true: Pixels of the ground truth, ``(V,)``; all 0 if there is none.
        pairs: Pixels that both choices of a pair mark, that the first one marks, and that the
            second one marks, ``(M (M - 1) / 2, 3, V)``.
    """

    image: Candidate
    correct: np.ndarray
    predicted: np.ndarray
    true: np.ndarray
    pairs: np.ndarray


class Compared(NamedTuple):
    """A comparison, and the agreement on each image.

    Attributes:
        comparison: Numbers over all images.
        closeness: {image id: mean IoU over all pairs of choices and the classes of the image}, in
            [0, 1].
    """

    comparison: Comparison
    closeness: dict[str, float]


def compare_masks(
    options: Sequence[Option], images: Sequence[Candidate], classes: Sequence[str]
) -> Compared:
    """Compare the masks of choices with each other and, if there is any, with ground truth.

    Only images that have a mask of every choice count, so all choices are scored on the same ones.

    Args:
        options: Choices to compare.
        images: Images of the dataset.
        classes: Class names without the background.

    Raises:
        FormatError: If no image has a mask of all choices, or a mask is broken or has other
            classes.
    """
    sources = [o.source for o in options]
    found = [i for i in images if all(s.path_of(i.image_id).is_file() for s in sources)]
    if not found:
        stages = ', '.join(s.stage for s in sources)
        raise FormatError(f'no image has a mask of each of {stages}; run their stages again.')
    count = partial(count_image, sources=sources, number=len(classes) + 1)
    jobs = worthwhile_processes(len(found))
    counted = run_in_processes(count, found, jobs, preload=[__name__])
    judged, closeness = [], {}
    pairs = np.zeros((len(options) * (len(options) - 1) // 2, 3, len(classes) + 1), np.int64)
    for one in track(counted, 'comparing masks', len(found)):
        pairs += one.pairs
        closeness[one.image.image_id] = _closeness(one.pairs)
        if one.image.truth is not None:
            # the pairs of all images would take gigabytes
            judged.append(one._replace(pairs=one.pairs[:0].copy()))
    # in one order, as images are drawn by their places
    judged.sort(key=lambda c: c.image.image_id)
    together = _ious(pairs[:, 0], pairs[:, 1], pairs[:, 2])
    names = [o.masks_by for o in options]
    comparison = Comparison(
        names=['background', *classes],
        images=len(found),
        judged=len(judged),
        corrected=sum(image.is_corrected for image in found),
        masks=_scored(options, judged),
        agreement=[
            Agreement(one, other, _mean(ious), _plain(ious))
            for (one, other), ious in zip(itertools.combinations(names, 2), together, strict=True)
        ],
    )
    return Compared(comparison, closeness)


def count_image(image: Candidate, sources: Sequence[MaskSource], number: int) -> Counts:
    """Count the pixels of the masks of an image.

    Args:
        image: Image of which each source has a mask.
        sources: Masks of each choice.
        number: Number of mask values, V.

    Raises:
        FormatError: If a mask is broken or has a value that is no class.
    """
    paths = [s.path_of(image.image_id) for s in sources]
    if image.truth is not None:
        paths.append(image.truth)
    read = [_checked(path, number) for path in paths]
    masks = to_smallest(read)
    truth = masks.pop() if image.truth is not None else np.full_like(masks[0], IGNORE_INDEX)
    judged = truth != IGNORE_INDEX
    true = truth[judged]
    count = partial(_count, number=number)
    pairs = [
        (count(one[one == other]), count(one[valid]), count(other[valid]))
        for one, other in itertools.combinations(masks, 2)
        for valid in [(one != IGNORE_INDEX) & (other != IGNORE_INDEX)]
    ]
    return Counts(
        image,
        np.stack([count(true[m[judged] == true]) for m in masks]),
        np.stack([count(m[judged]) for m in masks]),
        count(true),
        np.array(pairs, np.int64).reshape(-1, 3, number),
    )


def _checked(path: Path, number: int) -> np.ndarray:
    """Read a mask of known values."""
    mask = read_mask(path)
    highest = int(mask[mask != IGNORE_INDEX].max(initial=0))
    if highest >= number:
        raise FormatError(
            f'{path} has value {highest}, but the number of classes is {number - 1}; it was made '
            'before classes were changed. Run its stage again.'
        )
    return mask


def _count(values: np.ndarray, number: int) -> np.ndarray:
    """Return the pixels of each value; those that do not count are of none."""
    return np.bincount(values[values != IGNORE_INDEX], minlength=number)


def _scored(options: Sequence[Option], judged: Sequence[Counts]) -> list[ComparedMasks]:
    """Return the choices with their scores, the best first; as they stand without ground truth."""
    found = [
        ComparedMasks(o.masks_by, o.source.stage, note=o.note, mask_models=o.mask_models)
        for o in options
    ]
    if not judged:
        return found
    correct = np.stack([c.correct for c in judged], axis=1)
    predicted = np.stack([c.predicted for c in judged], axis=1)
    true = np.stack([c.true for c in judged])
    ious = _ious(correct.sum(1), predicted.sum(1), true.sum(0))
    mious = [_mean(row) for row in ious]
    order = sorted(range(len(found)), key=lambda m: -mious[m])
    best = next((m for m in order if not found[m].note), order[0])
    resampled = resample_miou(correct, predicted, true)
    scored = []
    for m in order:
        low, high = np.nanpercentile(resampled[:, best] - resampled[:, m], _INTERVAL).tolist()
        behind = Behind(mious[best] - mious[m], low, high) if m != best else None
        scored.append(replace(found[m], miou=mious[m], ious=_plain(ious[m]), behind=behind))
    return scored


def _ious(both: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return IoU in percent, NaN of what does not occur."""
    union = one + other - both
    with np.errstate(invalid='ignore', divide='ignore'):
        return np.where(union > 0, 100 * both / union, np.nan)


def _mean(ious: np.ndarray) -> float:
    return float(np.nanmean(ious)) if not np.isnan(ious).all() else 0.0


def _plain(ious: np.ndarray) -> list[float | None]:
    return [None if np.isnan(iou) else float(iou) for iou in ious]


def _closeness(pairs: np.ndarray) -> float:
    """Return how far the masks of an image agree on its classes, in [0, 1]."""
    classes = pairs[:, :, 1:]
    ious = _ious(classes[:, 0], classes[:, 1], classes[:, 2])
    return float(np.nanmean(ious)) / 100 if not np.isnan(ious).all() else 1.0
