"""Masks as labelme's shapes: one JSON file an image."""

import base64
import binascii
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.masks.entries import Canvas, Reading
from qaclims_mm.exchange.masks.formats import MaskWriter, Picture
from qaclims_mm.exchange.masks.polygons import Region
from qaclims_mm.exchange.masks.raster import Patch, patch_of_polygon
from qaclims_mm.schemas.files import read_json
from qaclims_mm.schemas.names import shown_name, shown_text

# the version whose files these are
_VERSION = '5.5.0'


class LabelmeWriter(MaskWriter):
    """Writes ``IMAGE_ID.json``; copied images lie beside them."""

    rule = 'pixels'
    pictures = ''

    def file_of(self, picture: Picture) -> str:
        """Return the path of an image's shapes."""
        return f'{picture.image_id}.json'

    def add(self, picture: Picture, mask: np.ndarray, regions: Iterable[Region]) -> None:
        """Write the shapes of an image."""
        path = self.options.out / self.file_of(picture)
        file = self.options.out / self.copy_of(picture)
        image = file if self.options.copy_images else picture.file
        content = dict(
            version=_VERSION,
            flags={},
            shapes=[self._shape(region) for region in regions],
            imagePath=Path(os.path.relpath(image, path.parent)).as_posix(),
            imageData=None,
            imageHeight=mask.shape[0],
            imageWidth=mask.shape[1],
        )
        text = json.dumps(content, ensure_ascii=False, indent=1)
        self.write_text(self.file_of(picture), text + '\n')

    def _shape(self, region: Region) -> dict[str, Any]:
        shape: dict[str, Any] = dict(
            label=self.options.classes[region.value], group_id=None, description='', flags={}
        )
        if not self.options.rle:
            points = np.round(self.polygon(region), 2).tolist()
            return shape | dict(points=points, shape_type='polygon', mask=None)
        left, top, width, height = region.box
        corners = [[left, top], [left + width - 1, top + height - 1]]
        file = io.BytesIO()
        Image.fromarray(region.pixels * 255).convert('1').save(file, format='PNG')
        pixels = base64.b64encode(file.getvalue()).decode()
        return shape | dict(points=corners, shape_type='mask', mask=pixels)


def is_labelme(path: Path) -> bool:
    """Return whether a JSON file has labelme's shapes."""
    try:
        content = read_json(path)
    except (FormatError, OSError):
        return False
    return isinstance(content, dict) and isinstance(content.get('shapes'), list)


def read_labelme(
    folder: Path, files: Sequence[Path], reading: Reading
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the masks of labelme's files; of overlapping shapes the later in the file wins.

    Args:
        folder: Folder of the files.
        files: The files.
        reading: Images and classes.
    """
    for path in files:
        where = shown_text(path)
        try:
            content = read_json(path, 'save it again')
        except (FormatError, OSError) as error:
            reading.problem(f'{error} The file is left out.')
            continue
        if not isinstance(content, dict) or not isinstance(content.get('shapes'), list):
            reading.problem(f'{where}: it has no shapes; left out')
            continue
        own = path.relative_to(folder).with_suffix('').as_posix()
        named = content.get('imagePath')
        # a file is called as its image and lies beside it
        name = named if isinstance(named, str) and len(reading.find(own)) != 1 else own
        image_id = reading.take(
            name, where, (content.get('imageHeight'), content.get('imageWidth'))
        )
        if image_id is None:
            continue
        canvas = Canvas(reading, image_id)
        for number, shape in enumerate(content['shapes'], start=1):
            at = f'{where}, shape {number}'
            try:
                patch = _patch_of(shape, canvas.size)
            except (KeyError, TypeError, ValueError, OSError, SyntaxError) as error:
                canvas.reject(error, at)
                continue
            canvas.paint([patch], shape['label'], at)
        yield from canvas.finish(where, single=True)


def _patch_of(shape: object, size: tuple[int, ...]) -> Patch:
    """Return the pixels of a shape.

    Raises:
        TypeError: If it is no shape with an area.
        ValueError: If it is broken.
        OSError: If its pixels are no image.
    """
    if not isinstance(shape, Mapping) or not isinstance(shape.get('label'), str):
        raise TypeError('it has no label')
    kind = shape.get('shape_type', 'polygon')
    if kind not in ('polygon', 'mask'):
        raise TypeError(f'{shown_name(str(kind))} is no mask; draw a polygon')
    points = np.asarray(shape.get('points'), dtype=np.float64)
    if kind == 'polygon':
        return patch_of_polygon(points, size, 'pixels')
    if points.shape != (2, 2) or not np.isfinite(points).all():
        raise ValueError('it needs two points of x and y')
    return _pasted(shape.get('mask'), points.clip(-(1 << 20), 1 << 20).astype(int), size)


def _pasted(text: object, points: np.ndarray, size: tuple[int, ...]) -> Patch:
    """Return the pixels of a shape of the type mask."""
    if not isinstance(text, str):
        raise TypeError('it has no pixels')
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f'its pixels are no base64 ({error})') from error
    (left, top), (right, bottom) = points[0].tolist(), points[1].tolist()
    with Image.open(io.BytesIO(content), formats=['PNG']) as image:
        # the size is read before the pixels are
        if image.size != (right - left + 1, bottom - top + 1):
            raise ValueError('its pixels are not of its size')
        if left < 0 or top < 0 or bottom >= size[0] or right >= size[1]:
            raise ValueError('it is not inside its image')
        return Patch(left, top, np.asarray(image.convert('L')))
