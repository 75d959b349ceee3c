"""The journal of a metric: pixel counts of the images that are done, which survive a kill."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from qaclims_mm.errors import FormatError, StageError
from qaclims_mm.schemas.cams import BROKEN_NPZ, read_arrays
from qaclims_mm.schemas.files import atomic_path, check_regular


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


def part_path(folder: str | Path, image_ids: Iterable[str]) -> Path:
    """Return the file of the counts of some images.

    Processes that count other images, on whichever machine, never write the same file.
    """
    name = hashlib.sha256('\n'.join(sorted(image_ids)).encode()).hexdigest()[:16]
    return Path(folder) / f'part-{name}.npz'


def write_part(folder: Path, counts: Counts, thresholds: np.ndarray) -> None:
    """Write counts as a part of the journal."""
    with atomic_path(part_path(folder, counts.image_ids)) as path, path.open('wb') as file:
        np.savez_compressed(
            file,
            image_ids=np.array(counts.image_ids, dtype=np.str_),
            tp=counts.tp,
            pred=counts.pred,
            gt=counts.gt,
            thresholds=thresholds,
        )


def read_part(path: str | Path) -> tuple[Counts, np.ndarray]:
    """Read a part and the thresholds ``(T,)`` at which it was counted.

    Raises:
        FormatError: If it is broken, or holds other arrays than ``write_part`` writes.
    """
    path = Path(path)
    mend = f'delete the folder {path.parent} and run the test again.'
    part = Counts(0, 0)
    check_regular(path, mend.removesuffix('.'))
    try:
        part.tp, part.pred, part.gt, ids, thresholds = read_arrays(
            path, ('tp', 'pred', 'gt', 'image_ids', 'thresholds')
        )
    except BROKEN_NPZ as error:
        raise FormatError(f'{path} is broken ({error}); {mend}') from error
    if problem := _problem_of(part, ids, thresholds):
        raise FormatError(f'{path} has {problem}; {mend}')
    part.image_ids = ids.tolist()
    return part, thresholds


def _problem_of(part: Counts, ids: np.ndarray, thresholds: np.ndarray) -> str:
    """Return what a part has that ``write_part`` does not write, or nothing."""
    counts = (part.tp, part.pred, part.gt)
    if any(a.dtype != np.int64 for a in counts) or ids.dtype.kind != 'U':
        return 'arrays of other types'
    if thresholds.dtype.kind != 'f' or thresholds.ndim != 1 or ids.ndim != 1:
        return 'thresholds or ids that are no list'
    size = (*part.gt.shape, *thresholds.shape)
    if len(size) != 2 or not part.tp.shape == part.pred.shape == size:
        return 'counts of disagreeing shapes'
    if any((a < 0).any() for a in counts):
        return 'negative counts'
    return ''


def read_parts(folder: Path, classes: int, thresholds: np.ndarray) -> Counts:
    """Return the sum of all parts, of all processes.

    Raises:
        FormatError: If a part is broken.
        StageError: If a part was counted with other classes or thresholds, or two parts count the
            same image.
    """
    total = Counts(classes, len(thresholds))
    for path in sorted(folder.glob('part-*.npz')):
        part, found = read_part(path)
        if part.tp.shape != total.tp.shape or not np.array_equal(found, thresholds):
            raise StageError(
                f'{path} was counted with other classes or thresholds; delete the folder {folder}.'
            )
        total.add(part)
    if len(set(total.image_ids)) < len(total.image_ids):
        raise StageError(
            f'{folder} counts an image twice: two processes had the same images at the same time. '
            'Delete the folder and run the test again.'
        )
    return total
