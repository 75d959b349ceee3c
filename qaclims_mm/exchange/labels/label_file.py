"""One file of labels: its first bytes say what reads it."""

import json
from pathlib import Path

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.archives import check_no_archive
from qaclims_mm.exchange.labels.cvat import read_cvat
from qaclims_mm.exchange.labels.hugging_face import is_metadata, read_metadata
from qaclims_mm.exchange.labels.json_exports import read_json_export
from qaclims_mm.exchange.labels.records import read_json_lines, read_parquet_records
from qaclims_mm.exchange.labels.source import Source
from qaclims_mm.exchange.labels.tables import read_table
from qaclims_mm.exchange.labels.voc import read_voc
from qaclims_mm.exchange.labels.xml_stream import read_elements
from qaclims_mm.exchange.labels.yolo import is_names_file, is_yolo, read_yolo
from qaclims_mm.schemas.names import BLANKS, shown_name, shown_text

_HEAD = 4096
_PARQUET = b'PAR1'
# longest first line of lines of JSON
_LONGEST_LINE = 1 << 20


def read_label_file(path: Path, images: Path) -> Source:
    """Read a file of labels.

    Args:
        path: The file.
        images: Folder of the images.

    Raises:
        FormatError: If it is of no known kind, or cannot be read at all.
    """
    if is_metadata(path):
        return read_metadata([path], images, read_table_file)
    sign = _first_sign(path)
    if sign == '<':
        return _read_xml(path, images)
    if sign and sign in '{[' and not _is_json_lines(path):
        return read_json_export(path, images)
    if is_names_file(path):
        return read_yolo(sorted(path.parent.rglob('*.txt')), path.parent, images)
    if is_yolo(path):
        raise FormatError(
            f"{shown_text(path)} is YOLO's file of one image; give the folder of all files."
        )
    return read_table_file(path)


def read_table_file(path: Path) -> Source:
    """Read a table: CSV, Parquet or lines of JSON.

    Args:
        path: The file.

    Raises:
        FormatError: If it is none.
    """
    with path.open('rb') as file:
        head = file.read(_HEAD)
    if head.startswith(_PARQUET):
        return read_parquet_records(path)
    check_no_archive(path, head)
    return read_json_lines(path) if _is_json_lines(path) else read_table(path)


def _first_sign(path: Path) -> str:
    """Return the first sign of a text that is no blank, or ''."""
    with path.open('rb') as file:
        head = file.read(_HEAD)
    text = head.decode(json.detect_encoding(head), 'ignore') if head else ''
    return text.lstrip(BLANKS)[:1]


def _is_json_lines(path: Path) -> bool:
    """Return whether the first line is an object of JSON, and another line follows."""
    with path.open('rb') as file:
        line, after = file.readline(_LONGEST_LINE), file.read(_HEAD)
    try:
        is_object = isinstance(json.loads(line.decode('utf-8-sig')), dict)
    except (RecursionError, ValueError):
        return False
    lines = after.lstrip().startswith(b'{') or path.suffix.lower() in ('.jsonl', '.ndjson')
    return is_object and lines


def _read_xml(path: Path, images: Path) -> Source:
    """Read CVAT's or VOC's XML.

    Raises:
        FormatError: If it is another's, or no XML.
    """
    elements = read_elements(path)
    root = next(elements)
    if root.tag == 'annotation':
        elements.close()
        return read_voc([path], path.parent, images)
    if root.tag != 'annotations':
        raise FormatError(
            f'{shown_text(path)} is XML of an unknown kind (its root is {shown_name(root.tag)}); '
            'CVAT for images and VOC are read.'
        )
    return read_cvat(path, elements)
