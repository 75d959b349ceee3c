"""Masks as Label Studio's tasks: predictions as polygons or of the brush."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from qaclims_mm.exchange.masks.brush import decode_brush, encode_brush
from qaclims_mm.exchange.masks.entries import Canvas, Reading
from qaclims_mm.exchange.masks.formats import (
    MaskWriter,
    Picture,
    hex_colour,
    problem_of_markup,
)
from qaclims_mm.exchange.masks.polygons import Region
from qaclims_mm.exchange.masks.raster import Patch, patch_of_polygon
from qaclims_mm.exchange.masks.runs import runs_of_lines
from qaclims_mm.schemas.files import atomic_path
from qaclims_mm.schemas.names import shown_name, shown_text
from qaclims_mm.version import __version__

TASKS, CONFIG = 'tasks.json', 'labeling_config.xml'
LOCAL_FILES = '/data/local-files/?d='
# {kind of region: (element of the labeling config, its name)}
_CONTROLS = {'polygonlabels': ('PolygonLabels', 'polygon'), 'brushlabels': ('BrushLabels', 'brush')}


class LabelStudioWriter(MaskWriter):
    """Writes ``tasks.json`` and ``labeling_config.xml``."""

    shared = (TASKS, CONFIG)

    def problem_of_class(self, name: str) -> str:
        """Return why XML cannot hold a name, or ''."""
        return problem_of_markup(name)

    def start(self) -> None:
        """Write the labeling config and begin the tasks."""
        # the first gets the keys 1 to 9, and stands where it is seen
        kinds = sorted(
            _CONTROLS.values(), key=lambda control: control[1], reverse=not self.options.rle
        )
        controls = ''.join(
            f'  <{element} name="{name}" toName="image">\n{self._labels()}  </{element}>\n'
            for element, name in kinds
        )
        image = '  <Image name="image" value="$image" zoom="true" zoomControl="true"/>\n'
        self.write_text(CONFIG, f'<View>\n{image}{controls}</View>\n')
        path = self.stack.enter_context(atomic_path(self.options.out / TASKS))
        self._file: IO[str] = self.stack.enter_context(
            path.open('w', encoding='utf-8', newline='\n')
        )
        self._between = '[\n'

    def _labels(self) -> str:
        return ''.join(
            f'    <Label value={quoteattr(name)} background="{hex_colour(value)}"/>\n'
            for value, name in self.options.classes.items()
        )

    def add(self, picture: Picture, mask: np.ndarray, regions: Iterable[Region]) -> None:
        """Write the task of an image."""
        result = [
            self._region(region, f'{picture.number}-{n}', mask.shape)
            for n, region in enumerate(regions, start=1)
        ]
        task = dict(
            data=dict(image=self._link(picture)),
            predictions=[dict(model_version=f'qaclims_mm {__version__}', result=result)],
        )
        self._file.write(self._between + json.dumps(task, ensure_ascii=False))
        self._between = ',\n'

    def _link(self, picture: Picture) -> str:
        """Return the link to an image.

        A folder of local files must be inside the document root, so that its name is a part.
        """
        if (prefix := self.options.image_url) is not None:
            joined = not prefix or prefix.endswith(('/', '='))
            return prefix + ('' if joined else '/') + quote(picture.name)
        folder = self.pictures if self.options.copy_images else picture.folder.name
        return LOCAL_FILES + quote(f'{folder}/{picture.name}'.lstrip('/'))

    def _region(self, region: Region, name: str, size: tuple[int, ...]) -> dict[str, Any]:
        height, width = size
        value: dict[str, Any]
        if self.options.rle:
            kind = 'brushlabels'
            left, top, *_ = region.box
            rows = np.zeros((region.box[3], width), np.uint8)
            rows[:, left : left + region.box[2]] = region.pixels
            value = dict(format='rle', rle=encode_brush(runs_of_lines(rows, top, height)))
        else:
            kind = 'polygonlabels'
            points = self.polygon(region) * (100 / width, 100 / height)
            value = dict(points=np.round(points, 5).tolist(), closed=True)
        return dict(
            id=name,
            type=kind,
            from_name=_CONTROLS[kind][1],
            to_name='image',
            original_width=width,
            original_height=height,
            image_rotation=0,
            value=value | {kind: [self.options.classes[region.value]]},
        )

    def finish(self) -> None:
        """End the list."""
        self._file.write('\n]\n')


def read_label_studio(
    tasks: Sequence[object], path: Path, reading: Reading
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the masks of tasks; of overlapping regions the later one wins.

    A task's last annotation counts, and its last prediction if it has none.

    Args:
        tasks: The file's JSON.
        path: The file, for messages.
        reading: Images and classes.
    """
    for number, task in enumerate(tasks, start=1):
        where = f'{shown_text(path)}, task {number}'
        links = _links(task)
        result = _result(task, where, reading)
        if not links or result is None:
            what = 'annotation that was submitted' if links else 'image'
            reading.problem(f'{where}: it has no {what}; left out')
            continue
        name = next((link for link in links if reading.find(link)), links[0])
        image_id = reading.take(name, where)
        if image_id is None:
            continue
        canvas = Canvas(reading, image_id)
        for place, region in enumerate(result, start=1):
            at = f'{where}, region {place}'
            try:
                patch, label = _patch_of(region, canvas.size)
            except (TypeError, ValueError) as error:
                canvas.reject(error, at)
                continue
            canvas.paint([patch], label, at)
        yield from canvas.finish(where, single=True)


def _links(task: object) -> list[str]:
    """Return the texts of a task's data, of which one is the link to its image."""
    data = task.get('data') if isinstance(task, Mapping) else None
    values = data.values() if isinstance(data, Mapping) else ()
    return [value for value in values if isinstance(value, str)]


def _result(task: object, where: str, reading: Reading) -> list[object] | None:
    """Return the regions of a task's last annotation or prediction."""
    if not isinstance(task, Mapping):
        return None
    for kind in ('annotations', 'predictions'):
        found = task.get(kind)
        done = [
            entry['result']
            for entry in (found if isinstance(found, list) else [])
            if isinstance(entry, Mapping)
            and isinstance(entry.get('result'), list)
            and not entry.get('was_cancelled')
        ]
        if len(done) > 1:
            reading.problem(f'{where}: it has {len(done)} {kind}; the last counts')
        if done:
            return done[-1]
    return None


def _patch_of(region: object, size: tuple[int, int]) -> tuple[Patch, str]:
    """Return the pixels of a region, and its label.

    Raises:
        TypeError: If it is no region with an area and a label.
        ValueError: If it is broken or of an image of another size.
    """
    region = region if isinstance(region, Mapping) else {}
    kind, value = region.get('type'), region.get('value')
    if kind not in _CONTROLS or not isinstance(value, Mapping):
        raise TypeError(f'{shown_name(str(kind))} is no mask; draw a polygon or use the brush')
    labels = value.get(kind)
    if not isinstance(labels, list) or len(labels) != 1 or not isinstance(labels[0], str):
        raise TypeError('it needs one label')
    found = region.get('original_height'), region.get('original_width')
    if found != size:
        raise ValueError(f'it is of an image of {found[1]} x {found[0]}, not {size[1]} x {size[0]}')
    if kind == 'brushlabels':
        content = value.get('rle')
        if not isinstance(content, list) or not all(type(n) is int for n in content):
            raise TypeError('it has no run lengths')
        return decode_brush(content, size), labels[0]
    points = np.asarray(value.get('points'), dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError('it needs points of x and y')
    return patch_of_polygon(points * (size[1] / 100, size[0] / 100), size, 'centres'), labels[0]
