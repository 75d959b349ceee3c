"""The numbers of ``qaclims compare``: ``comparison.json`` and ``comparison.csv``."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from qaclims_mm.schemas.files import atomic_path, write_json

SCHEMA = 1
HEAD = (
    'masks_by',
    'stage',
    'images',
    'mIoU',
    'behind_the_best',
    'behind_low',
    'behind_high',
    'worst_class',
    'worst_class_IoU',
    'note',
    'models_trained_with_masks',
)


@dataclass(frozen=True)
class Behind:
    """Distance of masks to the best ones, in points of mIoU.

    Attributes:
        points: Difference; negative for masks that score higher but must not be recommended.
        low: Lower end of its 95 % interval.
        high: Upper end.
    """

    points: float
    low: float
    high: float

    @property
    def is_sure(self) -> bool:
        """Whether the interval excludes that there is no difference."""
        return self.low > 0


@dataclass(frozen=True)
class ComparedMasks:
    """Scores of the masks of one choice.

    Attributes:
        masks_by: Choice, as in ``qaclims run --masks-by``.
        stage: Stage that makes the masks.
        miou: Mean IoU in percent; ``None`` without ground truth.
        ious: IoU of each mask value in percent, ``None`` for a value that does not occur; empty
            without ground truth.
        behind: Distance to the recommended masks; ``None`` for these masks themselves, and without
            ground truth.
        note: Reason not to recommend them, such as random weights, or ''.
        mask_models: Models trained with masks that made them.
    """

    masks_by: str
    stage: str
    miou: float | None = None
    ious: Sequence[float | None] = ()
    behind: Behind | None = None
    note: str = ''
    mask_models: Sequence[str] = ()

    def worst(self, names: Sequence[str]) -> tuple[str, float] | None:
        """Return the value of the lowest IoU, by its name, and that IoU in percent."""
        found = [(iou, n) for iou, n in zip(self.ious, names, strict=False) if iou is not None]
        iou, name = min(found, default=(math.nan, ''))
        return (name, iou) if found else None


@dataclass(frozen=True)
class Agreement:
    """Agreement of the masks of two choices.

    Attributes:
        one: First choice.
        other: Second choice.
        miou: Mean IoU between the two over the values that occur, in percent.
        ious: IoU of each mask value in percent, ``None`` for a value that does not occur.
    """

    one: str
    other: str
    miou: float
    ious: Sequence[float | None]


@dataclass(frozen=True)
class Comparison:
    """Result of ``qaclims compare``.

    Attributes:
        names: Names of the mask values, the background first.
        images: Number of images that have a mask of every choice.
        judged: Number of these images that have ground truth.
        corrected: Number of these images whose ground truth is a corrected mask.
        masks: Scores of the choices; with ground truth, the best first.
        agreement: Agreement of every two choices.
        absent: {choice: reason why it has no masks}.
    """

    names: Sequence[str]
    images: int
    judged: int
    corrected: int
    masks: Sequence[ComparedMasks]
    agreement: Sequence[Agreement]
    absent: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> list[Path]:
        """Write ``comparison.json`` and ``comparison.csv`` into a folder; return their paths."""
        paths = [folder / f'comparison.{suffix}' for suffix in ('json', 'csv')]
        write_json(paths[0], dict(schema=SCHEMA) | asdict(self))
        with (
            atomic_path(paths[1]) as temporary,
            temporary.open('w', newline='', encoding='utf-8') as file,
        ):
            writer = csv.writer(file, lineterminator='\n')
            writer.writerow(HEAD)
            writer.writerows(self._row(masks) for masks in self.masks)
            blank = [''] * (len(HEAD) - 4)
            writer.writerows([name, '', *blank, why, ''] for name, why in self.absent.items())
        return paths

    def _row(self, masks: ComparedMasks) -> list[Any]:
        behind = masks.behind
        worst = masks.worst(self.names) or ('', None)
        numbers = (behind.points, behind.low, behind.high) if behind else (None, None, None)
        return [
            masks.masks_by,
            masks.stage,
            self.judged if masks.miou is not None else 0,
            _percent(masks.miou),
            *map(_percent, numbers),
            worst[0],
            _percent(worst[1]),
            masks.note,
            ' '.join(masks.mask_models),
        ]


def _percent(value: float | None) -> str:
    return '' if value is None else f'{value:.2f}'
