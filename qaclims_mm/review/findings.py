"""What stands out about the masks of one image.

Each finding has a weight between 0 and 1. The score of an image combines them as if they were
independent: 1 - (1 - a)(1 - b)...
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from qaclims_mm.errors import FormatError
from qaclims_mm.review.counting import areas_of, class_ious, to_smallest
from qaclims_mm.review.sources import MaskSource
from qaclims_mm.schemas import drawn_name
from qaclims_mm.schemas.work_dir import PREDICTIONS

# an image that is foreground beyond this share has hardly any background
NEARLY_ALL = 0.9
NO_MASK, NOTHING_MARKED, BROKEN, ALL_FOREGROUND = 0.9, 0.9, 1.0, 0.8
# of masks that have nothing in common; below the weight of a mask that is not there, of which there
# is more to say
DISAGREEMENT = 0.85
# of an image of which one label, or every label, covers nothing
ONE_EMPTY, ALL_EMPTY = 0.5, 0.9
_LONGEST = 40


class Finding(NamedTuple):
    """Something that stands out: its weight in (0, 1], and a sentence."""

    weight: float
    reason: str


class Candidate(NamedTuple):
    """An image that may deserve a look: its id, and the indices k of the classes it has."""

    image_id: str
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Reviewed:
    """An image with what was found.

    Attributes:
        image_id: The image.
        score: Between 0, nothing stands out, and 1.
        reason: The finding of the highest weight, a sentence.
        ious: {two names of sources: {class index k: IoU}}, in [0, 1].
        areas: {name of a source: {class index k: share of the pixels}}, in [0, 1].
    """

    image_id: str
    score: float
    reason: str
    ious: Mapping[tuple[str, str], Mapping[int, float]] = field(default_factory=dict)
    areas: Mapping[str, Mapping[int, float]] = field(default_factory=dict)

    @property
    def agreement(self) -> dict[tuple[str, str], float]:
        """Return {two names of sources: mean IoU over the classes}, in [0, 1].

        All classes of an image count the same, so that small objects matter as much as large ones.
        Two masks without any class agree.
        """
        return {
            pair: float(np.mean([*found.values()])) if found else 1.0
            for pair, found in self.ious.items()
        }

    @property
    def mean_agreement(self) -> float | None:
        """Return the mean of ``agreement`` over each two sources; ``None`` with fewer than two."""
        return float(np.mean([*self.agreement.values()])) if self.ious else None


def review_image(
    image: Candidate, sources: Sequence[MaskSource], classes: Sequence[str]
) -> Reviewed:
    """Return what stands out about the masks of an image.

    Args:
        image: The image.
        sources: Stages that may have a mask of it, the newest last.
        classes: Class names without the background.
    """
    try:
        found = {source.name: source.read(image.image_id) for source in sources}
    except FormatError as error:
        return Reviewed(image.image_id, BROKEN, f'a mask cannot be read: {error}')
    names_of = [name for name, mask in found.items() if mask is not None]
    if not names_of:
        return Reviewed(image.image_id, NO_MASK, 'no stage has made a mask of the image')
    sized = to_smallest([mask for mask in found.values() if mask is not None])
    masks = dict(zip(names_of, sized, strict=True))
    names = {k: drawn_name(name, _LONGEST) for k, name in enumerate(classes)}
    areas = {name: areas_of(mask) for name, mask in masks.items()}
    pairs = itertools.combinations(masks, 2)
    ious = {(one, other): class_ious(masks[one], masks[other]) for one, other in pairs}
    reviewed = Reviewed(image.image_id, 0, '', ious, areas)
    findings = _disagreement(reviewed, names)
    findings += _missing(found, sources) + _odd_areas(image.labels, areas, names)
    findings = [f for f in findings if f.weight > 0]
    best = max(findings, key=lambda f: f.weight, default=Finding(0, 'nothing stands out'))
    score = 1 - math.prod(1 - f.weight for f in findings)
    return replace(reviewed, score=score, reason=best.reason)


def _disagreement(reviewed: Reviewed, names: Mapping[int, str]) -> list[Finding]:
    """Return the finding about how far the masks agree by twos, if there are two."""
    worst = (math.inf, '')
    for (one, other), ious in reviewed.ious.items():
        for k, iou in ious.items():
            text = f'{one} and {other} agree on {100 * iou:.0f} % of the {_named(k, names)}'
            lone = [n for n in (one, other) if k in reviewed.areas[n]]
            if len(lone) == 1:
                [missing] = {one, other} - {*lone}
                text = f'{lone[0]} marks the {_named(k, names)}, but {missing} does not'
            # of equals the newest masks
            worst = (iou, text) if iou <= worst[0] else worst
    agreement = reviewed.mean_agreement
    if agreement is None:
        return []
    return [Finding(DISAGREEMENT * (1 - agreement), worst[1])]


def _named(k: int, names: Mapping[int, str]) -> str:
    return names.get(k, f'class of value {k + 1}')


def _missing(
    found: Mapping[str, np.ndarray | None], sources: Sequence[MaskSource]
) -> list[Finding]:
    """Return the finding of an image that lacks a mask to train on; a segmentor may test others."""
    trained_on = [s.name for s in sources if s.folder.name != PREDICTIONS]
    if trained_on and found[trained_on[-1]] is None:
        return [Finding(NO_MASK, f'{trained_on[-1]} has no mask of the image')]
    return []


def _odd_areas(
    labels: Sequence[int], areas: Mapping[str, Mapping[int, float]], names: Mapping[int, str]
) -> list[Finding]:
    """Return what stands out about the areas of the classes in the newest mask."""
    name, shares = list(areas.items())[-1]
    total, findings = sum(shares.values()), []
    empty = [names[k] for k in labels if k not in shares]
    if labels and not shares:
        findings.append(
            Finding(NOTHING_MARKED, f'{name} marks nothing, but the image has {", ".join(empty)}')
        )
    elif empty:
        weight = ONE_EMPTY + (ALL_EMPTY - ONE_EMPTY) * len(empty) / len(labels)
        findings.append(Finding(weight, f'{name} marks no {empty[0]}, which is a label'))
    beyond = {k: share for k, share in shares.items() if k not in labels}
    if beyond:
        k = max(beyond, key=lambda k: beyond[k])
        text = f'{name} marks {_percent(beyond[k])} of the image as {_named(k, names)}'
        findings.append(Finding(sum(beyond.values()) / total, f'{text}, which is no label'))
    if total > NEARLY_ALL:
        weight = ALL_FOREGROUND * (total - NEARLY_ALL) / (1 - NEARLY_ALL)
        findings.append(Finding(weight, f'{_percent(total)} of the image is foreground in {name}'))
    return findings


def _percent(share: float) -> str:
    return f'{100 * share:.0f} %' if share >= 0.01 else 'less than 1 %'
