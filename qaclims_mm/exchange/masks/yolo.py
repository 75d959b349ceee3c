"""Masks as YOLO's segments: one text file an image, one polygon a line, in parts of its sides."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.masks.entries import Canvas, Reading
from qaclims_mm.exchange.masks.formats import MaskWriter, Picture, problem_of_markup
from qaclims_mm.exchange.masks.polygons import Region
from qaclims_mm.exchange.masks.raster import patch_of_polygon
from qaclims_mm.schemas.files import problem_of_file
from qaclims_mm.schemas.names import shown_name, shown_text

DATA, IMAGE_LIST, LABELS = 'data.yaml', 'train.txt', 'labels'
# where tools put the names of the classes; the first has YAML, the others one a line
_NAMES = (DATA, 'obj.names', 'classes.txt')
_LISTS = frozenset(['train.txt', 'val.txt', 'test.txt', 'valid.txt', *_NAMES])


class YOLOWriter(MaskWriter):
    """Writes ``labels/IMAGE_ID.txt``, ``data.yaml`` and the list of the images."""

    rule = 'pixels'
    has_rle = False
    shared = (DATA, IMAGE_LIST)

    def problem_of_class(self, name: str) -> str:
        """Return why YAML cannot hold a name, or ''."""
        return problem_of_markup(name)

    def file_of(self, picture: Picture) -> str:
        """Return the path of an image's segments."""
        return f'{LABELS}/{picture.image_id}.txt'

    def start(self) -> None:
        """Number the classes from 0 on."""
        self._numbers = {value: n for n, value in enumerate(self.options.classes)}
        self._images: list[str] = []

    def add(self, picture: Picture, mask: np.ndarray, regions: Iterable[Region]) -> None:
        """Write the segments of an image."""
        height, width = mask.shape
        lines = []
        for region in regions:
            points = self.polygon(region) / (width, height)
            numbers = ' '.join(f'{n:.6f}' for n in points.reshape(-1).clip(0, 1).tolist())
            lines.append(f'{self._numbers[region.value]} {numbers}\n')
        self.write_text(self.file_of(picture), ''.join(lines))
        self._images.append(f'./{self.pictures}/{picture.name}\n')

    def finish(self) -> None:
        """Write the names of the classes and the list."""
        # a text of JSON is one of YAML
        names = [
            f'  - {json.dumps(n, ensure_ascii=False)}\n' for n in self.options.classes.values()
        ]
        head = f'# divide {IMAGE_LIST} into images to train and to validate on\n'
        lists = f'train: {IMAGE_LIST}\nval: {IMAGE_LIST}\nnc: {len(names)}\nnames:\n'
        self.write_text(DATA, head + lists + ''.join(names))
        self.write_text(IMAGE_LIST, ''.join(self._images))


def names_file(folder: Path) -> Path | None:
    """Return the file of a folder that names YOLO's classes, if it has one."""
    found = [path for name in _NAMES if (path := folder / name).is_file()]
    return found[0] if found else None


def read_yolo(folder: Path, names: Path, reading: Reading) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the masks of YOLO's segments; of overlapping ones the later in the file wins.

    Args:
        folder: Folder of the export.
        names: File that names the classes.
        reading: Images and classes.

    Raises:
        FormatError: If the classes cannot be read.
    """
    classes = _class_names(names)
    paths = [path for path in sorted(folder.rglob('*.txt')) if _is_of_image(path, folder)]
    # Label Studio writes an empty file for an image with regions of the brush
    if paths and not any(path.stat().st_size for path in paths if path.is_file()):
        raise FormatError(
            f'{shown_text(folder)}: no file of YOLO has an object ({len(paths)} read); export '
            'polygons (from Label Studio export JSON, which has regions of the brush too).'
        )
    for path in paths:
        relative = path.relative_to(folder)
        where = shown_text(path)
        # a folder of images has one of labels beside it
        below = (
            relative.parts[relative.parts.index(LABELS) + 1 :] if LABELS in relative.parts else ()
        )
        image_id = reading.take('/'.join(below or relative.parts), where)
        if image_id is None:
            continue
        if problem := problem_of_file(path):
            reading.problem(f'{where} {problem}; left out')
            continue
        canvas = Canvas(reading, image_id)
        text = path.read_text(encoding='utf-8', errors='replace')
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                _paint(line.split(), canvas, classes, f'{where}, line {number}')
        yield from canvas.finish(where, single=True)


def _is_of_image(path: Path, folder: Path) -> bool:
    relative = path.relative_to(folder)
    return relative.as_posix() not in _LISTS and 'ImageSets' not in relative.parts


def _paint(parts: list[str], canvas: Canvas, classes: Sequence[str], where: str) -> None:
    """Paint a line's segment, or report why it cannot be painted."""
    try:
        number, *numbers = map(float, parts)
        if len(numbers) == 4 or len(numbers) % 2:
            raise ValueError('it is a box, not a polygon of x, y, x, y, ...')
        if number not in range(len(classes)):
            raise ValueError(f'it has class {shown_name(parts[0])} of {len(classes)}')
        points = np.array(numbers).reshape(-1, 2) * canvas.size[::-1]
        patch = patch_of_polygon(points, canvas.size, 'pixels')
    except ValueError as error:
        canvas.reject(error, where)
        return
    canvas.paint([patch], classes[int(number)], where)


def _class_names(path: Path) -> list[str]:
    """Return the names of the classes in their order."""
    try:
        text = path.read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise FormatError(f'{shown_text(path)} is not UTF-8 ({error}); save it as such.') from error
    if path.name != DATA:
        return [line.strip() for line in text.splitlines() if line.strip()]
    import yaml

    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise FormatError(f'{shown_text(path)} is no valid YAML ({error}); correct it.') from error
    names = content.get('names') if isinstance(content, dict) else None
    if isinstance(names, dict) and set(names) == set(range(len(names))):
        names = [names[n] for n in range(len(names))]
    if not isinstance(names, list) or not all(isinstance(n, (str, int, bool)) for n in names):
        raise FormatError(f'{shown_text(path)} has no list of names; add it.')
    return [str(name) for name in names]
