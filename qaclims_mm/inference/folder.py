"""A folder of masks, with pictures of them and tables of areas."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from qaclims_mm.errors import FormatError
from qaclims_mm.inference.segmentation import Segmentation, count_values
from qaclims_mm.schemas import IGNORE_INDEX, atomic_path, file_of, read_mask, write_mask
from qaclims_mm.schemas.claims import read_claim

MASKS, OVERLAYS = 'masks', 'overlays'
CLASSES, AREAS = 'classes.csv', 'areas.csv'
# in the claim of every folder of masks, see ``PredictionJob.fingerprint``
_CLAIMED = frozenset(['config', 'weights', 'tile'])


class MadeFolders:
    """Which folders below another one hold what predictions have made, and no images.

    Args:
        root: The folder, which holds images whatever it is.
        out: Folder of a prediction that may not have begun yet.
    """

    def __init__(self, root: Path, out: Path | None = None) -> None:
        self._out = out.resolve() if out else None
        self._known = {root: False}

    def hold(self, folder: Path) -> bool:
        """Tell whether a folder is one of masks, or below one."""
        if folder not in self._known:
            own = folder.resolve() == self._out or _is_claimed(folder)
            self._known[folder] = own or self.hold(folder.parent)
        return self._known[folder]


def _is_claimed(folder: Path) -> bool:
    try:
        return set(read_claim(folder)) >= _CLAIMED
    except FormatError:
        return False


class MaskFolder:
    """Masks of images by their ids; each is written once.

    Args:
        root: The folder.
        classes: Names of the values of masks.
        with_overlays: Whether masks laid over images are written, too.
    """

    def __init__(self, root: Path, classes: Sequence[str], with_overlays: bool = False) -> None:
        self.root, self.classes, self.with_overlays = root, tuple(classes), with_overlays
        self._areas: dict[str, Mapping[int, int]] = {}

    def mask_path(self, image_id: str) -> Path:
        """Return the file of a mask."""
        return file_of(self.root / MASKS, image_id, '.png')

    def is_done(self, image_id: str) -> bool:
        """Tell whether all files of an image are there."""
        overlay = file_of(self.root / OVERLAYS, image_id, '.jpg')
        return self.mask_path(image_id).is_file() and (overlay.is_file() or not self.with_overlays)

    def write(self, image_id: str, found: Segmentation, pixels: np.ndarray | None = None) -> None:
        """Write the files of an image, the mask last.

        Args:
            image_id: Its id.
            found: Its mask.
            pixels: What was read of it, RGB uint8, of any size.
        """
        if self.with_overlays:
            overlay = file_of(self.root / OVERLAYS, image_id, '.jpg')
            whole = pixels is not None and pixels.shape[:2] == found.mask.shape
            seen = found.overlay(pixels=pixels if whole else None)
            with atomic_path(overlay) as temporary:
                Image.fromarray(seen).save(temporary, format='JPEG', quality=90)
        write_mask(self.mask_path(image_id), found.mask)
        self._areas[image_id] = found.areas

    def areas(self, image_id: str) -> Mapping[int, int]:
        """Return the pixels of each value of a mask, which is read if it was there before."""
        if image_id not in self._areas:
            self._areas[image_id] = count_values(read_mask(self.mask_path(image_id)))
        return self._areas[image_id]

    def write_tables(self, image_ids: Sequence[str]) -> None:
        """Write ``areas.csv``, a row for each class of an image, and ``classes.csv``, their sums.

        Args:
            image_ids: Images whose masks are there.
        """
        pixels: Counter[int] = Counter()
        images: Counter[int] = Counter()
        rows: list[Sequence[object]] = [('image', 'class', 'value', 'pixels', 'percent')]
        for image_id in image_ids:
            areas = self.areas(image_id)
            total = sum(areas.values())
            for value, number in areas.items():
                name = self._name_of(value)
                rows.append((image_id, name, value, number, f'{100 * number / total:.4f}'))
            pixels.update(areas)
            images.update(areas.keys())
        _write_table(self.root / AREAS, rows)
        values = sorted({*range(len(self.classes)), *pixels})
        sums = [(value, self._name_of(value), pixels[value], images[value]) for value in values]
        _write_table(self.root / CLASSES, [('value', 'class', 'pixels', 'images'), *sums])

    def _name_of(self, value: int) -> str:
        known = value < len(self.classes) and value != IGNORE_INDEX
        return self.classes[value] if known else ''


def _write_table(path: Path, rows: Sequence[Sequence[object]]) -> None:
    with atomic_path(path) as temporary, temporary.open('w', encoding='utf-8', newline='') as file:
        csv.writer(file, lineterminator='\n').writerows(rows)
