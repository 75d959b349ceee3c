"""Reading masks that were corrected in labelling tools; what a file is its content says."""

import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.masks.coco import INSTANCES, read_coco
from qaclims_mm.exchange.masks.cvat import ANNOTATIONS, read_cvat
from qaclims_mm.exchange.masks.entries import Reading
from qaclims_mm.exchange.masks.label_studio import TASKS, read_label_studio
from qaclims_mm.exchange.masks.labelme import is_labelme, read_labelme
from qaclims_mm.exchange.masks.png import read_png
from qaclims_mm.exchange.masks.voc import CLASS_FOLDER, LABELMAP, read_voc
from qaclims_mm.exchange.masks.yolo import names_file, read_yolo
from qaclims_mm.schemas.files import problem_of_file, read_json
from qaclims_mm.schemas.names import shown_text

Reader = Callable[[Reading], Iterator[tuple[str, np.ndarray]]]
# the one file of an export: ours, then those of other tools
_SINGLE = (ANNOTATIONS, INSTANCES, TASKS, 'instances_default.json', 'result.json')
# JSON files of a folder that tell what it is
_LOOKED_AT = 5
_KINDS = (
    'a folder of PNG masks, COCO JSON, YOLO, VOC, labelme, CVAT for images 1.1 or Label Studio JSON'
)


def read_masks(
    source: str | Path,
    images: Mapping[str, tuple[int, int]],
    classes: Sequence[str],
    problems: list[str],
    former: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, np.ndarray]]:
    """Read masks in any of the formats in which they are exported.

    Of regions that overlap the one in front wins, or the later in the file if the format knows no
    order. Pixels of a class that is none of the project's are ignored (255). Boxes, lines and
    points are left out.

    Args:
        source: File or folder.
        images: {image id: (height, width)}.
        classes: Names without the background, in the order of the masks' values.
        problems: Gets a line for each entry that cannot be used; it is complete when all masks are
            taken.
        former: {other name: class}, such as names that classes had before.

    Returns:
        Image ids and masks, uint8 ``(H, W)`` or uint16 if there are more than 254 classes: 0
        background, k + 1 classes, 255 ignore. An image of which the file says nothing is left out;
        one that it lists without regions is background.

    Raises:
        FormatError: If the source is none of these formats, or cannot be read at all.
    """
    return _reader_of(Path(source))(Reading(images, classes, problems, former))


def _reader_of(path: Path) -> Reader:
    """Return the reader of a source.

    Raises:
        FormatError: If nothing reads it.
    """
    if path.is_dir():
        return _reader_of_folder(path)
    if problem := problem_of_file(path):
        raise FormatError(f'{shown_text(path)} {problem}; give a file or folder of masks.')
    if zipfile.is_zipfile(path):
        raise FormatError(f'{shown_text(path)} is an archive; unpack it and give the folder.')
    with path.open('rb') as file:
        start = file.read(64).lstrip(b'\xef\xbb\xbf \t\r\n')
    if start[:1] == b'<':
        return partial(read_cvat, path)
    if start[:1] in (b'{', b'['):
        return _reader_of_json(path)
    raise FormatError(f'{shown_text(path)} is neither JSON nor XML; masks are {_KINDS}.')


def _reader_of_folder(folder: Path) -> Reader:
    if (folder / LABELMAP).is_file() or (folder / CLASS_FOLDER).is_dir():
        return partial(read_voc, folder)
    if names := names_file(folder):
        return partial(read_yolo, folder, names)
    single = [p for name in _SINGLE if (p := folder / name).is_file()]
    if single:
        return _reader_of(single[0])
    files = sorted(folder.rglob('*.json'))
    if any(is_labelme(path) for path in files[:_LOOKED_AT]):
        return partial(read_labelme, folder, files)
    if len(files) == 1:
        return _reader_of(files[0])
    if next(folder.rglob('*.png'), None):
        return partial(read_png, folder)
    if next(folder.rglob('*.txt'), None):
        raise FormatError(
            f'{shown_text(folder)} has the regions of YOLO, but no names of classes; put the '
            'data.yaml of the export beside them.'
        )
    raise FormatError(f'{shown_text(folder)} has no masks; masks are {_KINDS}.')


def _reader_of_json(path: Path) -> Reader:
    content = read_json(path, 'export it again')
    if isinstance(content, dict) and isinstance(content.get('annotations'), list):
        if not any(isinstance(e, dict) and e.get('segmentation') for e in content['annotations']):
            raise FormatError(
                f'{shown_text(path)} has no segmentation: its annotations are boxes or tags. '
                'Export polygons or masks.'
            )
        return partial(read_coco, content, path)
    if isinstance(content, dict) and isinstance(content.get('shapes'), list):
        return partial(read_labelme, path.parent, [path])
    if isinstance(content, list) and any(isinstance(e, dict) and 'data' in e for e in content):
        return partial(read_label_studio, content, path)
    raise FormatError(
        f"{shown_text(path)} is none of COCO's instances, labelme's shapes and Label Studio's "
        'tasks (of Label Studio export JSON, not JSON-MIN).'
    )
