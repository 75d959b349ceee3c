"""Masks as COCO's instances: a polygon or run lengths a region."""

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from qaclims_mm.exchange.masks.entries import Canvas, Reading
from qaclims_mm.exchange.masks.formats import MaskWriter, Picture
from qaclims_mm.exchange.masks.polygons import Region
from qaclims_mm.exchange.masks.raster import Patch, patch_of_polygon
from qaclims_mm.exchange.masks.runs import from_runs, runs_of_lines
from qaclims_mm.schemas.files import atomic_path, shown_json
from qaclims_mm.schemas.names import counted, shown_name, shown_text

# tools look for files called instances_SUBSET
INSTANCES = 'annotations/instances_default.json'
# characters of a compressed number; six of them hold 30 bits
_LONGEST_NUMBER = 7


class COCOWriter(MaskWriter):
    """Writes one JSON file, whose categories have the masks' values as ids."""

    shared = (INSTANCES,)

    def start(self) -> None:
        """Open a file for the annotations, which stand after all images."""
        self._images: list[str] = []
        self._annotations: IO[str] = self.stack.enter_context(
            tempfile.TemporaryFile('w+', encoding='utf-8')  # noqa: SIM115 - the stack closes it
        )
        self._number = 0

    def add(self, picture: Picture, mask: np.ndarray, regions: Iterable[Region]) -> None:
        """Write the regions of an image."""
        height, width = mask.shape
        image = dict(id=picture.number, file_name=picture.name, height=height, width=width)
        self._images.append(_line(image))
        for region in regions:
            self._number += 1
            entry = dict(
                id=self._number,
                image_id=picture.number,
                category_id=region.value,
                segmentation=self._segmentation(region, (height, width)),
                area=region.area,
                bbox=list(region.box),
                iscrowd=0,
            )
            self._annotations.write((',\n' if self._number > 1 else '') + _line(entry))

    def _segmentation(self, region: Region, size: tuple[int, int]) -> object:
        if not self.options.rle:
            return [np.round(self.polygon(region), 2).reshape(-1).tolist()]
        from pycocotools import mask as coco_mask

        encoded = coco_mask.frPyObjects(dict(counts=_counts(region, size), size=[*size]), *size)
        return dict(size=[*size], counts=encoded['counts'].decode())

    def finish(self) -> None:
        """Put the parts together."""
        categories = [
            dict(id=value, name=name, supercategory='')
            for value, name in self.options.classes.items()
        ]
        self._annotations.seek(0)
        with (
            atomic_path(self.options.out / INSTANCES) as temporary,
            temporary.open('w', encoding='utf-8', newline='\n') as file,
        ):
            file.write('{"info": {}, "licenses": [],\n"categories": ')
            file.write(_line(categories))
            file.write(',\n"images": [\n' + ',\n'.join(self._images) + '\n],\n"annotations": [\n')
            shutil.copyfileobj(self._annotations, file)
            file.write('\n]}\n')


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _counts(region: Region, size: tuple[int, int]) -> list[int]:
    """Return the runs of a region in its image, which go down the columns."""
    left, top, width, height = region.box
    columns = np.zeros((width, size[0]), np.uint8)
    columns[:, top : top + height] = region.pixels.T
    return runs_of_lines(columns, left, size[1])


def read_coco(
    content: Mapping[str, Any], path: Path, reading: Reading
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the masks of COCO's instances; of overlapping ones the later in the file wins.

    Args:
        content: The file's JSON.
        path: The file, for messages.
        reading: Images and classes.
    """
    where = shown_text(path)
    names = {c.get('id'): c.get('name') for c in _entries(content, 'categories')}
    of_image: dict[object, list[tuple[int, dict]]] = {}
    for position, entry in enumerate(_entries(content, 'annotations')):
        of_image.setdefault(_key(entry.get('image_id')), []).append((position, entry))
    for position, image in enumerate(_entries(content, 'images')):
        place = f'{where}, entry {position} of images'
        if not isinstance(image.get('file_name'), str):
            reading.problem(f'{place}: it has no file_name; left out')
            continue
        size = (image['height'], image['width']) if {'height', 'width'} <= set(image) else None
        image_id = reading.take(image['file_name'], place, size)
        annotations = of_image.pop(_key(image.get('id')), [])
        if image_id is None:
            continue
        canvas = Canvas(reading, image_id)
        for number, entry in annotations:
            at = f'{where}, annotation {number} (id {shown_json(entry.get("id"))})'
            try:
                patches = patches_of(entry.get('segmentation'), canvas.size)
                name = names[entry.get('category_id')]
                if not isinstance(name, str):
                    raise TypeError('its category has no name')
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                canvas.reject(_reason(error), at)
                continue
            canvas.paint(patches, name, at)
        yield from canvas.finish(where)
    if of_image:
        number = sum(map(len, of_image.values()))
        first = next(iter(of_image.values()))[0][0]
        reading.problem(
            f'{where}: '
            f'{counted(number, "annotation", "have an image that the file does not list")} (first: '
            f'{first}); left out'
        )


def _entries(content: Mapping[str, Any], part: str) -> list[dict]:
    found = content.get(part)
    return [e for e in found if isinstance(e, dict)] if isinstance(found, list) else []


def _key(value: object) -> object:
    return value if isinstance(value, (int, str)) else None


def _reason(error: Exception) -> str:
    return 'its category is none of the file' if isinstance(error, KeyError) else str(error)


def patches_of(segmentation: object, size: tuple[int, ...]) -> list[Patch]:
    """Return the pixels of a segmentation.

    Args:
        segmentation: List of polygons, or run lengths as numbers or compressed.
        size: Height and width of the image.

    Raises:
        TypeError: If it is something else.
        ValueError: If it is of another size, or broken.
    """
    height, width = size
    if isinstance(segmentation, dict):
        counts = segmentation.get('counts')
        if segmentation.get('size') != [height, width]:
            raise ValueError(f'its size is not {height}, {width}')
        lengths = _decompressed(counts) if isinstance(counts, str) else counts
        if not isinstance(lengths, list) or not all(type(n) is int for n in lengths):
            raise TypeError('its counts are no run lengths')
        left, columns = from_runs(lengths, height * width, height)
        return [Patch(left, 0, columns.T)]
    if not isinstance(segmentation, list) or not segmentation:
        raise TypeError('it has no segmentation (a box is no mask)')
    polygons = [np.asarray(polygon, dtype=np.float64) for polygon in segmentation]
    if any(polygon.ndim != 1 or len(polygon) % 2 for polygon in polygons):
        raise ValueError('its polygon is not x, y, x, y, ...')
    return [patch_of_polygon(polygon.reshape(-1, 2), size, 'centres') for polygon in polygons]


def _decompressed(text: str) -> list[int]:
    """Return the run lengths of COCO's compressed form.

    Five bits a character, the lowest first; the sixth says that more follow. From the fourth on a
    number is the difference to the one before the last. pycocotools checks nothing of what it
    reads, in C.

    Raises:
        ValueError: If it is no such text.
    """
    numbers: list[int] = []
    value = place = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or place >= _LONGEST_NUMBER:
            raise ValueError(f'its counts {shown_name(text)} are no compressed run lengths')
        value |= (bits & 31) << (5 * place)
        place += 1
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << (5 * place)
        numbers.append(value + (numbers[-2] if len(numbers) > 2 else 0))
        value = place = 0
    return numbers
