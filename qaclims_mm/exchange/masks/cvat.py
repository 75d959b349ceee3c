"""Masks as CVAT's XML "for images 1.1": polygons, or run lengths of boxes."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.masks.entries import Canvas, Reading
from qaclims_mm.exchange.masks.formats import (
    MaskWriter,
    Picture,
    hex_colour,
    problem_of_markup,
)
from qaclims_mm.exchange.masks.polygons import Region
from qaclims_mm.exchange.masks.raster import Patch, patch_of_polygon
from qaclims_mm.exchange.masks.runs import from_runs, run_lengths
from qaclims_mm.schemas.files import atomic_path
from qaclims_mm.schemas.names import shown_text

ANNOTATIONS, LABELS = 'annotations.xml', 'labels.json'
# characters of a label that CVAT stores
_LONGEST_LABEL = 64


class CVATWriter(MaskWriter):
    """Writes ``annotations.xml``, and ``labels.json``, which CVAT takes as *Raw* labels."""

    shared = (ANNOTATIONS, LABELS)

    def problem_of_class(self, name: str) -> str:
        """Return why XML or CVAT cannot hold a name, or ''."""
        if len(name) > _LONGEST_LABEL:
            return f'it has {len(name)} characters, and CVAT allows {_LONGEST_LABEL}'
        if name != name.strip():
            return 'it starts or ends with a blank, which CVAT removes'
        return problem_of_markup(name)

    def start(self) -> None:
        """Write the labels."""
        raw = [
            f'  {{"name": {_quoted(name)}, "color": "{hex_colour(value)}", "attributes": []}}'
            for value, name in self.options.classes.items()
        ]
        self.write_text(LABELS, '[\n' + ',\n'.join(raw) + '\n]\n')
        path = self.stack.enter_context(atomic_path(self.options.out / ANNOTATIONS))
        self._file: IO[str] = self.stack.enter_context(
            path.open('w', encoding='utf-8', newline='\n')
        )
        labels = ''.join(
            f'<label><name>{escape(name)}</name><color>{hex_colour(value)}</color>'
            '<attributes></attributes></label>\n'
            for value, name in self.options.classes.items()
        )
        self._file.write(
            '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n'
            f'<meta><task><labels>\n{labels}</labels></task></meta>\n'
        )

    def add(self, picture: Picture, mask: np.ndarray, regions: Iterable[Region]) -> None:
        """Write the regions of an image."""
        height, width = mask.shape
        # an image whose name CVAT does not know goes to the frame of this number; none has it
        self._file.write(
            f'<image id="{-picture.number}" name={quoteattr(picture.name)} '
            f'width="{width}" height="{height}">\n'
        )
        for region in regions:
            label = quoteattr(self.options.classes[region.value])
            shape = self._mask(region) if self.options.rle else self._polygon(region)
            kind, values = shape
            self._file.write(
                f'<{kind} label={label} source="auto" occluded="0" {values} z_order="0"></{kind}>\n'
            )
        self._file.write('</image>\n')

    def _polygon(self, region: Region) -> tuple[str, str]:
        points = ';'.join(f'{x:.2f},{y:.2f}' for x, y in self.polygon(region).tolist())
        return 'polygon', f'points="{points}"'

    def _mask(self, region: Region) -> tuple[str, str]:
        left, top, width, height = region.box
        runs = ', '.join(map(str, run_lengths(region.pixels.reshape(-1)).tolist()))
        box = f'left="{left}" top="{top}" width="{width}" height="{height}"'
        return 'mask', f'rle="{runs}" {box}'

    def finish(self) -> None:
        """Close the last element."""
        self._file.write('</annotations>\n')


def _quoted(name: str) -> str:
    """Return a name as JSON, without the braces before which CVAT removes commas."""
    return json.dumps(name, ensure_ascii=False).replace('}', '\\u007d')


def read_cvat(path: Path, reading: Reading) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the masks of CVAT's XML; of overlapping shapes the one with the higher z_order wins.

    Raises:
        FormatError: If it is another XML file.
    """
    where, number = shown_text(path), 0
    try:
        # expat refuses bombs and reads no other file
        events = ElementTree.iterparse(path, events=('start', 'end'))  # noqa: S314
        for event, element in events:
            if event == 'start' and number == 0:
                number += 1
                _check_root(element, where)
            elif event == 'start' and element.tag == 'track':
                raise FormatError(
                    f'{where} is an export of a video (it has tracks); export the task as "CVAT '
                    'for images 1.1".'
                )
            elif event == 'end' and element.tag == 'image':
                name = element.get('name') or ''
                size = _whole(element.get('height')), _whole(element.get('width'))
                image_id = reading.take(name, f'{where}, image {number}', size)
                number += 1
                if image_id is not None:
                    canvas = Canvas(reading, image_id)
                    _paint(element, canvas, f'{where}, image {image_id}')
                    yield from canvas.finish(where)
                element.clear()
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f'{where} is no valid XML ({error}); export it again.') from error


def _check_root(root: ElementTree.Element, where: str) -> None:
    if root.tag != 'annotations':
        hint = ' (boxes of VOC are no masks)' if root.tag == 'annotation' else ''
        raise FormatError(
            f'{where} is no XML of CVAT{hint}; export the task as "CVAT for images 1.1".'
        )


def _paint(image: ElementTree.Element, canvas: Canvas, where: str) -> None:
    """Paint the shapes of an image, those in front last."""
    # tags beside shapes say nothing of pixels
    shapes = [shape for shape in image if shape.tag != 'tag'] or [*image]
    for shape in sorted(shapes, key=_layer):
        at = f'{where}, {shape.tag} {[*image].index(shape) + 1}'
        try:
            patch = _patch_of(shape, canvas.size)
        except (TypeError, ValueError) as error:
            canvas.reject(error, at)
            continue
        canvas.paint([patch], shape.get('label') or '', at)


def _patch_of(shape: ElementTree.Element, size: tuple[int, ...]) -> Patch:
    """Return the pixels of a shape.

    Raises:
        TypeError: If it is no shape with an area.
        ValueError: If it is broken.
    """
    if shape.tag == 'polygon':
        return patch_of_polygon(_points_of(shape), size, 'centres')
    if shape.tag != 'mask':
        raise TypeError('it is no mask; draw a polygon or a mask')
    left, top, width, height = (_whole(shape.get(k)) for k in ('left', 'top', 'width', 'height'))
    if left is None or top is None or not width or not height:
        raise ValueError('it needs left, top, width and height')
    if left + width > size[1] or top + height > size[0]:
        raise ValueError('it is not inside its image')
    first, rows = from_runs(_runs_of(shape), width * height, width)
    return Patch(left, top + first, rows)


def _points_of(shape: ElementTree.Element) -> np.ndarray:
    """Return the points of a polygon, ``(N, 2)``.

    Raises:
        ValueError: If they are no pairs of numbers.
    """
    pairs = [pair.split(',') for pair in (shape.get('points') or '').split(';')]
    try:
        return np.array([[float(n) for n in pair] for pair in pairs])
    except ValueError as error:
        raise ValueError('its points are not pairs of numbers') from error


def _runs_of(shape: ElementTree.Element) -> list[int]:
    """Return the run lengths of a mask.

    Raises:
        ValueError: If there are none, as after all pixels were erased, or they are no numbers.
    """
    text = shape.get('rle') or ''
    if not text.strip():
        raise ValueError('it has no pixels')
    try:
        return [int(n) for n in text.split(',')]
    except ValueError as error:
        raise ValueError('its runs are not whole numbers') from error


def _layer(shape: ElementTree.Element) -> int:
    text = shape.get('z_order') or '0'
    below = text.startswith('-')
    return (_whole(text.removeprefix('-')) or 0) * (-1 if below else 1)


def _whole(text: str | None) -> int | None:
    """Return a number of pixels, if the text is one."""
    text = (text or '').removesuffix('.0')
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
