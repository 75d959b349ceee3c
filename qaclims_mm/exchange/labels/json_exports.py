"""Exports of JSON: the first entry that says so decides which tool wrote them."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.coco import PARTS, read_coco
from qaclims_mm.exchange.labels.columns import IMAGE_COLUMNS, column_of
from qaclims_mm.exchange.labels.json_stream import Entry, read_entries
from qaclims_mm.exchange.labels.label_studio import is_min_task, is_task, read_label_studio
from qaclims_mm.exchange.labels.labelme import KEYS, read_labelme
from qaclims_mm.exchange.labels.records import read_json_records
from qaclims_mm.exchange.labels.source import Source
from qaclims_mm.schemas.names import shown_name, shown_text

Reader = Callable[[Path, Iterable[Entry]], Source]
# {key: the tool whose export has it, which is not read}
_OTHERS = {
    '_via_img_metadata': 'VGG Image Annotator',
    '_via_settings': 'VGG Image Annotator',
    'items': 'Datumaro',
    'vottVersion': 'VoTT',
}
_SHOWN = 5
# entries by which a file of a folder is recognised; others may be very long
_FIRST = 100


def read_json_export(path: Path, images: Path) -> Source:
    """Read an export of JSON, of whatever tool.

    Args:
        path: The file.
        images: Folder of the images.

    Raises:
        FormatError: If it is of no tool that is read.
    """
    entries = read_entries(path)
    keys: dict[str, None] = {}
    # entries of a list before the first object
    before: list[Entry] = []
    for entry in entries:
        if entry.key in KEYS:
            entries.close()
            return read_labelme([path], path.parent, images)
        if reader := _reader_of(path, entry):
            return reader(path, itertools.chain(before, [entry], entries))
        keys[entry.key] = None
        before += [entry] if not entry.key and entry.position >= 0 else []
    listed = ', '.join(shown_name(key) for key in [*keys][:_SHOWN] if key)
    raise FormatError(
        f'{shown_text(path)} is JSON of no tool that is read (its keys are {listed or "none"}); '
        'export COCO instances there, or give a table of images and labels.'
    )


def is_json_export(path: Path) -> bool:
    """Return whether a file is an export of a tool that is read."""
    try:
        entries = itertools.islice(read_entries(path), _FIRST)
        return any(entry.key in KEYS or _reader_of(path, entry) for entry in entries)
    except (FormatError, OSError):
        return False


def _reader_of(path: Path, entry: Entry) -> Reader | None:
    """Return what reads a file with an entry, ``None`` if the entry does not say.

    Raises:
        FormatError: If the entry is of a tool or task that is not read.
    """
    key, position, value = entry
    if key in PARTS and (position >= 0 or isinstance(value, list)):
        return read_coco
    if tool := _OTHERS.get(key) or _via(value if key else None):
        raise FormatError(
            f'{shown_text(path)} is of {tool}, which is not read; export COCO instances there.'
        )
    if key or not isinstance(value, dict):
        return None
    if is_task(value) or is_min_task(value):
        return read_label_studio
    if {'image_id', 'category_id', 'score'} <= value.keys():
        raise FormatError(
            f'{shown_text(path)} is a list of results of COCO, which names no images; give the '
            'file of annotations.'
        )
    return _read_list if column_of([*value], IMAGE_COLUMNS) is not None else None


def _via(value: object) -> str:
    """Return VIA's name if a value is an image of its annotations, which it exports by name."""
    is_image = isinstance(value, dict) and {'filename', 'regions'} <= value.keys()
    return 'VGG Image Annotator' if is_image else ''


def _read_list(path: Path, entries: Iterable[Entry]) -> Source:
    values: Iterator[object] = (entry.value for entry in entries)
    return read_json_records(path, values)
