"""Masks in VOC's layout: PNG files in ``SegmentationClass``, colours in ``labelmap.txt``."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.masks.entries import Reading, is_lost
from qaclims_mm.exchange.masks.formats import MaskWriter, Picture, colour_of
from qaclims_mm.exchange.masks.polygons import Region
from qaclims_mm.schemas import IGNORE_INDEX, write_mask
from qaclims_mm.schemas.files import problem_of_file
from qaclims_mm.schemas.names import shown_name, shown_text

CLASS_FOLDER, LABELMAP = 'SegmentationClass', 'labelmap.txt'
IMAGE_LIST = 'ImageSets/Segmentation/default.txt'
_HEAD = '# label:color_rgb:parts:actions'
Colour = tuple[int, int, int]


class VOCWriter(MaskWriter):
    """Writes ``SegmentationClass``, ``labelmap.txt`` and the list of the images.

    Ignored pixels (255) become background: tools refuse a colour that is none of the label map.
    """

    has_rle = False
    shared = (LABELMAP, IMAGE_LIST)
    pictures = 'JPEGImages'
    # a palette has 256 colours, the last of which is that of ignored pixels
    most = IGNORE_INDEX - 1

    def problem_of_class(self, name: str) -> str:
        """Return why a line of the label map cannot begin with a name, or ''."""
        if ':' in name:
            return 'it has a colon, which ends a name there'
        if name.startswith('#'):
            return 'it starts with #, as comments do there'
        return 'that is what the rest of an image is called' if name == 'background' else ''

    def file_of(self, picture: Picture) -> str:
        """Return the path of a mask."""
        return f'{CLASS_FOLDER}/{picture.image_id}.png'

    def start(self) -> None:
        """Begin the list of the images."""
        self._ids: list[str] = []

    def add(self, picture: Picture, mask: np.ndarray, regions: Iterable[Region]) -> None:
        """Write a mask."""
        kept = np.where(mask == IGNORE_INDEX, 0, mask)
        write_mask(self.options.out / self.file_of(picture), kept)
        self._ids.append(picture.image_id)

    def finish(self) -> None:
        """Write the label map and the list."""
        names = {0: 'background', **self.options.classes}
        lines = [f'{n}:{",".join(map(str, colour_of(v)))}::' for v, n in names.items()]
        self.write_text(LABELMAP, '\n'.join([_HEAD, *lines]) + '\n')
        self.write_text(IMAGE_LIST, '\n'.join(self._ids) + '\n')


def read_voc(folder: Path, reading: Reading) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the masks of VOC's layout; their colours are what ``labelmap.txt`` says.

    Pixels of a colour that it lacks are ignored, as VOC's own outlines are.

    Raises:
        FormatError: If there is no label map, or it is none.
    """
    values, unknown = _values(folder / LABELMAP, reading)
    for path in sorted((folder / CLASS_FOLDER).rglob('*.png')):
        where = shown_text(path)
        image_id = reading.take(path.relative_to(folder / CLASS_FOLDER).as_posix(), where)
        if image_id is None:
            continue
        try:
            colours = _colours(path)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            reading.problem(f'{where}: it is no readable mask ({error}); left out')
            continue
        if not reading.fits(image_id, colours.shape, where):
            continue
        mask = _coloured(colours, values, reading.canvas(image_id))
        if is_lost(colours, unknown, mask):
            reading.no_region(image_id, where)
            continue
        yield image_id, mask


def _values(path: Path, reading: Reading) -> tuple[dict[int, int], list[int]]:
    """Return {colour: value in masks} of a label map, and the colours of unknown classes.

    Raises:
        FormatError: If it is none.
    """
    if problem := problem_of_file(path):
        raise FormatError(
            f'{shown_text(path)} {problem}. It says what the colours mean, a line each, such as '
            f'dog:64,0,128:: Without it give the folder {CLASS_FOLDER} itself, if its values are '
            'those of the project.'
        )
    values: dict[int, int] = {}
    unknown: list[int] = []
    lines = path.read_text(encoding='utf-8-sig', errors='replace').splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith('#'):
            continue
        name, _, rest = line.partition(':')
        parts = rest.partition(':')[0].split(',')
        if len(parts) != 3 or not all(p.strip().isascii() and p.strip().isdigit() for p in parts):
            raise FormatError(
                f'{shown_text(path)}, line {number}: {shown_name(line)} is not '
                'NAME:RED,GREEN,BLUE:PARTS:ACTIONS; correct it.'
            )
        red, green, blue = (min(int(part.strip()[:4]), 255) for part in parts)
        colour = red << 16 | green << 8 | blue
        values[colour] = reading.value(name, f'{shown_text(path)}, line {number}')
        unknown += [] if reading.is_known(name) else [colour]
    return values, unknown


def _colours(path: Path) -> np.ndarray:
    """Return the colour of each pixel as one number, int32 ``(H, W)``."""
    with Image.open(path) as image:
        rgb = np.asarray(image.convert('RGB')).astype(np.int32)
    return rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2]


def _coloured(colours: np.ndarray, values: Mapping[int, int], mask: np.ndarray) -> np.ndarray:
    """Fill a mask with the values of colours."""
    mask[...] = IGNORE_INDEX
    for colour, value in values.items():
        mask[colours == colour] = value
    return mask
