"""Masks as PNG files, one an image, whose values are those of this package."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.masks.entries import Reading, is_lost
from qaclims_mm.exchange.masks.formats import MaskWriter, Picture
from qaclims_mm.exchange.masks.polygons import Region
from qaclims_mm.schemas import IGNORE_INDEX, atomic_path, read_mask, write_mask
from qaclims_mm.schemas.names import shown_text
from qaclims_mm.schemas.project import CLASSES, with_gap

_BLACK_AND_WHITE = (
    'has only the values 0 and 255, and 255 is ignored; give the pixels of a class its value '
    '(see classes.csv of the project)'
)


class PNGWriter(MaskWriter):
    """Writes ``IMAGE_ID.png`` and ``classes.csv``; 255 is kept."""

    has_rle = False
    shared = (CLASSES,)

    def file_of(self, picture: Picture) -> str:
        """Return the path of a mask."""
        return f'{picture.image_id}.png'

    def start(self) -> None:
        """Write the table of the values."""
        names = with_gap(list(self.options.classes.values()))
        rows = [('value', 'class'), *enumerate(['background', *names])]
        with (
            atomic_path(self.options.out / CLASSES) as temporary,
            temporary.open('w', encoding='utf-8', newline='') as file,
        ):
            csv.writer(file, lineterminator='\n').writerows(rows)

    def add(self, picture: Picture, mask: np.ndarray, regions: Iterable[Region]) -> None:
        """Write a mask as it is."""
        write_mask(self.options.out / self.file_of(picture), mask)


def read_png(folder: Path, reading: Reading) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the masks of a folder of PNG files.

    ``classes.csv`` in the folder says what the values mean. Without it they are those of the
    project: 0 background, k + 1 classes, 255 ignored. In a mask of 0 and 255 alone 255 is then the
    class, if there is only one; of several the mask is left out.
    """
    values, unknown = _values(folder, reading)
    has_table = (folder / CLASSES).is_file()
    for path in sorted(folder.rglob('*.png')):
        name = path.relative_to(folder).as_posix()
        where = shown_text(path)
        image_id = reading.take(name, where)
        if image_id is None:
            continue
        try:
            mask = read_mask(path)
        except (FormatError, OSError) as error:
            reading.problem(f'{error} The mask is left out.')
            continue
        if not reading.fits(image_id, mask.shape, where):
            continue
        highest = int(np.where(mask == IGNORE_INDEX, 0, mask).max(initial=0))
        if highest >= len(values):
            reading.problem(
                f'{where}: value {highest}, but the number of classes is {len(values) - 1}; the '
                'mask is left out'
            )
            continue
        if not has_table and not highest and IGNORE_INDEX in mask:
            if reading.number > 1:
                reading.problem(f'{where}: {_BLACK_AND_WHITE}; the mask is left out')
                continue
            mask = np.minimum(mask, 1)
        found = reading.translated(mask, values)
        if is_lost(mask, unknown, found):
            reading.no_region(image_id, where)
            continue
        yield image_id, found


def _values(folder: Path, reading: Reading) -> tuple[list[int], list[int]]:
    """Return what each value of the files becomes, and the values of unknown classes.

    Raises:
        FormatError: If the table of the classes is none.
    """
    path = folder / CLASSES
    if not path.is_file():
        return [*range(reading.number + 1)], []
    try:
        with path.open(newline='', encoding='utf-8-sig') as file:
            rows = [(row['value'], row['class']) for row in csv.DictReader(file)]
    except (UnicodeDecodeError, csv.Error, KeyError) as error:
        raise FormatError(
            f'{shown_text(path)} is no table in UTF-8 with the columns value and class ({error}).'
        ) from error
    if [value for value, _ in rows] != [str(n) for n in range(len(rows))]:
        raise FormatError(f'{shown_text(path)}: the values must be 0, 1, 2 and so on.')
    names = [name for _, name in rows[1:]]
    # the value of ignored pixels is nobody's
    classes = {v: name for v, name in enumerate(names, start=1) if v != IGNORE_INDEX}
    known = {v: reading.value(name, f'{path}, value {v}') for v, name in classes.items()}
    values = [0, *(known.get(v, IGNORE_INDEX) for v in range(1, len(rows)))]
    return values, [v for v, name in classes.items() if not reading.is_known(name)]
