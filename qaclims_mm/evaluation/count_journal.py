"""Pixel counts that survive a kill."""

from pathlib import Path

import numpy as np

from qaclims_mm.schemas import BROKEN_NPZ, FormatError, atomic_path
from qaclims_mm.schemas.cams import read_arrays
from qaclims_mm.schemas.files import check_regular


class Counts:
    """Sums of pixel counts and the images they are of.

    Args:
        classes: K + 1, the background included.
        thresholds: T.
    """

    def __init__(self, classes: int, thresholds: int) -> None:
        self.tp = np.zeros((classes, thresholds), dtype=np.int64)
        self.pred = np.zeros((classes, thresholds), dtype=np.int64)
        self.gt = np.zeros(classes, dtype=np.int64)
        self.image_ids: list[str] = []

    def add(self, other: 'Counts') -> None:
        """Add other counts."""
        self.tp += other.tp
        self.pred += other.pred
        self.gt += other.gt
        self.image_ids += other.image_ids


def write_part(folder: Path, rank: int, counts: Counts, thresholds: np.ndarray) -> None:
    """Write counts as the next part of a rank."""
    number = len(list(folder.glob(f'part-{rank:03d}-*.npz')))
    with atomic_path(folder / f'part-{rank:03d}-{number:05d}.npz') as path, path.open('wb') as file:
        np.savez_compressed(
            file,
            image_ids=np.array(counts.image_ids, dtype=np.str_),
            tp=counts.tp,
            pred=counts.pred,
            gt=counts.gt,
            thresholds=thresholds,
        )


def read_parts(folder: Path, classes: int, thresholds: np.ndarray) -> Counts:
    """Return the sum of all parts, of all ranks.

    Raises:
        FormatError: If a part is broken or of other classes or thresholds.
    """
    total = Counts(classes, len(thresholds))
    for path in sorted(folder.glob('part-*.npz')):
        part = Counts(classes, len(thresholds))
        check_regular(path, f'delete the folder {folder}')
        try:
            part.tp, part.pred, part.gt, ids, counted_at = read_arrays(
                path, ('tp', 'pred', 'gt', 'image_ids', 'thresholds')
            )
            part.image_ids = ids.tolist()
            same = np.array_equal(counted_at, thresholds)
        except BROKEN_NPZ as error:
            raise FormatError(f'{path} is broken ({error}); delete the folder {folder}.') from error
        if part.tp.shape != total.tp.shape or not same:
            raise FormatError(
                f'{path} was counted with other classes or thresholds; delete the folder {folder}.'
            )
        total.add(part)
    return total
