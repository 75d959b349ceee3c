"""Labels of labelme's JSON files, one for each image."""

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.image_folder import ImageFolder
from qaclims_mm.exchange.labels.json_stream import read_entries
from qaclims_mm.exchange.labels.own_files import image_of_file
from qaclims_mm.exchange.labels.source import Source
from qaclims_mm.exchange.labels.values import text_of
from qaclims_mm.progress import track
from qaclims_mm.schemas.files import check_regular
from qaclims_mm.schemas.names import shown_text

KEYS = ('shapes', 'imagePath', 'imageData')
# entries by which a file is recognised; others may be very long
_FIRST = 20
_WAY_OUT = 'draw shapes, or tick flags of the images (labelme --flags cat,dog), and save again'


def is_labelme(path: Path) -> bool:
    """Return whether a file is one of labelme's, by its first keys."""
    try:
        check_regular(path)
        return any(entry.key in KEYS for entry in islice(read_entries(path), _FIRST))
    except (FormatError, OSError):
        return False


def read_labelme(files: Sequence[Path], root: Path, images: Path) -> Source:
    """Read the labels of shapes and the flags of images that are ticked.

    Args:
        files: The files.
        root: Their folder, of which some may be below.
        images: Folder of the images.

    Raises:
        FormatError: If no file has a label.
    """
    source, folder = Source("labelme's JSON files", unnamed='have no file'), ImageFolder(images)
    for path in track(files, "reading labelme's files", len(files)):
        try:
            content = _read(path)
        except (OSError, RecursionError, ValueError) as error:
            text = f'no file of labelme ({error}); the image is left out'
            source.leave_out(shown_text(path), text, 'no file of labelme')
            continue
        image = image_of_file(source, folder, path, root, text_of(content.get('imagePath')) or '')
        source.add(image, _labels_of(source, path, content), shown_text(path))
    source.check_labelled(root, _WAY_OUT)
    return source


def _read(path: Path) -> dict[str, Any]:
    """Return what a file holds.

    Raises:
        ValueError: If it is no JSON, or not labelme's.
    """
    check_regular(path)
    content = json.loads(path.read_bytes())
    if not isinstance(content, dict) or not content.keys() & set(KEYS):
        raise ValueError(f'it has none of {", ".join(KEYS)}')
    return content


def _labels_of(source: Source, path: Path, content: dict[str, Any]) -> list[str]:
    """Return the labels of the shapes and the flags that are ticked."""
    labels = []
    shapes, flags = content.get('shapes'), content.get('flags')
    for position, shape in enumerate(shapes if isinstance(shapes, list) else ()):
        label = text_of(shape.get('label')) if isinstance(shape, dict) else None
        if label is None:
            where = f'{shown_text(path)}, shape {position}'
            source.leave_out(where, 'the shape has no label; left out')
        else:
            labels.append(label)
    ticked = flags.items() if isinstance(flags, dict) else ()
    return [*labels, *(flag for flag, is_on in ticked if is_on is True)]
