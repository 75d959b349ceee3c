"""Reads labels from a table; image paths stay as they are written in it."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.source import Source, some_of
from qaclims_mm.schemas.images import SUFFIXES
from qaclims_mm.schemas.names import BLANKS, shown_name

SEPARATORS = (',', ';', '\t', '|')
# of several labels in one field
_BETWEEN_LABELS = (';', ',', '|')
_IMAGE_COLUMNS = ('image', 'file', 'filename', 'path', 'image_id', 'name')
_LABEL_COLUMNS = ('labels', 'label', 'classes', 'class', 'tags', 'category')
_SHOWN = 5
# a label in quotes, which it needs if it holds a sign that separates others
_QUOTED_LABEL = re.compile(r'(?<![^;,|\s])"(?:[^"]|"")*"(?=\s*(?:[;,|]|$))')
_SPREADSHEETS = ('.xlsx', '.xls', '.ods')
# of zip archives, which .xlsx and .ods are, and of .xls
_MAGIC_OF_SPREADSHEETS = (b'PK\x03\x04', b'\xd0\xcf\x11\xe0')
_NO_TABLE = (
    'is a spreadsheet (Excel, LibreOffice), which is not read; save it as CSV there, and give that '
    'file.'
)


def read_table(path: Path) -> Source:
    """Read a CSV file, whose separators are found.

    Raises:
        FormatError: If it is no table, lacks a column, or most of its rows are torn.
    """
    if path.suffix.lower() in _SPREADSHEETS:
        raise FormatError(f'{path} {_NO_TABLE}')
    text = _read_text(path)
    if not text:
        raise FormatError(f'{path} is empty; it needs the columns image and labels.')
    line = text.partition('\n')[0]
    separator = max(SEPARATORS, key=line.count)
    if not line.count(separator):
        raise FormatError(
            f'{path}:1 has none of the separators , ; tab |, so there is one column: '
            f'{line[:60]!r}; it needs the columns image and labels.'
        )
    reader = csv.reader(io.StringIO(text, newline=''), delimiter=separator)
    rows = _rows(reader, path)
    head = [cell.strip(BLANKS).lower() for cell in next(rows)]
    image, label = _column(head, _IMAGE_COLUMNS), _column(head, _LABEL_COLUMNS)
    if image is None or label is None:
        raise FormatError(f'{path}:1 {_no_head(head)}')
    torn: dict[int, str] = {}
    found: dict[int, tuple[str, str]] = {}
    for cells in rows:
        if not any(cell.strip(BLANKS) for cell in cells):
            continue
        if reason := _torn(cells, len(head), image, label, separator):
            torn[reader.line_num] = reason
        else:
            found[reader.line_num] = cells[image], cells[label]
    source = Source(f'table with {separator!r} between its columns')
    if torn:
        source.problems.append(f'{path}:{_cures(torn, separator)}')
        if len(torn) > len(found):
            raise FormatError(
                f'{source.problems[0]}. That is {len(torn)} of {len(torn) + len(found)} rows, so '
                'nothing is read.'
            )
    _add_rows(source, path, found)
    return source


def _add_rows(source: Source, path: Path, rows: Mapping[int, tuple[str, str]]) -> None:
    """Add the image and the labels of each line of a table."""
    between = _between_labels([labels for _, labels in rows.values()])
    if between:
        source.kind += f' and {between!r} between labels'
        source.remarks += _other_signs(path, rows, between)
    for line, (image, labels) in rows.items():
        source.add(image, _labels_of(labels, between), f'{path}:{line}')


def _read_text(path: Path) -> str:
    """Return the text of a table.

    Raises:
        FormatError: If it is no text, or of another encoding than UTF-8.
    """
    content = path.read_bytes()
    if content.startswith(_MAGIC_OF_SPREADSHEETS):
        raise FormatError(f'{path} {_NO_TABLE}')
    # Excel's "Unicode Text" begins with a mark of UTF-16
    encoding = 'utf-16' if content.startswith((b'\xff\xfe', b'\xfe\xff')) else 'utf-8-sig'
    try:
        return content.decode(encoding).replace('\r\n', '\n').replace('\r', '\n')
    except UnicodeDecodeError as error:
        line = content.count(b'\n', 0, error.start) + 1
        raise FormatError(
            f'{path}:{line} is not UTF-8 (byte {content[error.start]:#04x}); save the table as '
            '"CSV UTF-8" in your spreadsheet, or convert it: '
            'iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW.'
        ) from error


def _no_head(head: Sequence[str]) -> str:
    """Say that columns are missing, or the whole line that names them."""
    shown = ', '.join(map(shown_name, head[:_SHOWN])) + (' ..' if len(head) > _SHOWN else '')
    if any(Path(cell).suffix in SUFFIXES for cell in head):
        return f'must name the columns, as image,labels does, but is a row already: {shown}.'
    return (
        f'needs the columns image and labels, but has {shown}; image may also be called '
        f'{", ".join(_IMAGE_COLUMNS[1:])}, and labels {", ".join(_LABEL_COLUMNS[1:])}.'
    )


def _rows(reader: Any, path: Path) -> Iterator[list[str]]:
    """Yield the rows of a table.

    Raises:
        FormatError: If a field has no end.
    """
    try:
        yield from reader
    except csv.Error as error:
        raise FormatError(
            f'{path}:{reader.line_num}: {error}; is a quotation mark before it not closed?'
        ) from error


def _torn(cells: Sequence[str], number: int, image: int, label: int, separator: str) -> str:
    """Return how a row's fields show that its separators are not those of the columns, or nothing.

    Args:
        cells: Its fields.
        number: Fields of the first line.
        image: Place of the image's field.
        label: Place of the labels' field.
        separator: Of the columns.
    """
    if len(cells) != number:
        return f'{len(cells)} fields where the first line has {number}'
    if any('\n' in cells[k] and separator in cells[k] for k in (image, label)):
        return 'a quotation mark that is not closed in its line'
    name, *labels = re.split('[,;\t|]', cells[image])
    return (
        f'an image {shown_name(cells[image])}' if labels and Path(name).suffix in SUFFIXES else ''
    )


def _cures(torn: Mapping[int, str], separator: str) -> str:
    """Tell of rows whose separators are not those of the columns, and what helps.

    Args:
        torn: {line: how it shows}.
        separator: Of the columns.
    """
    first = next(iter(torn))
    listed = some_of([str(line) for line in torn], _SHOWN)
    more = f' ({len(torn)} rows are such: lines {listed})' if len(torn) > 1 else ''
    sign = next(sign for sign in _BETWEEN_LABELS if sign != separator)
    return (
        f'{first}: {torn[first]}{more}; columns are separated by {separator!r}, as in the first '
        f'line, so write several labels in quotes ("cat{separator}dog") or with another sign '
        f'between them (cat{sign}dog); left out'
    )


def _column(head: Sequence[str], names: Sequence[str]) -> int | None:
    """Return the place of the first of some names in a head."""
    return next((head.index(name) for name in names if name in head), None)


def _between_labels(cells: Sequence[str]) -> str:
    """Return the sign that separates labels in all fields of a table, or nothing.

    Where several signs occur, the first of ``_BETWEEN_LABELS`` does; the others belong to names.
    """
    outside = [_without_quoted(cell) for cell in cells]
    return next((s for s in _BETWEEN_LABELS if any(s in cell for cell in outside)), '')


def _holds_sign(label: str) -> bool:
    return any(sign in label for sign in _BETWEEN_LABELS)


def _without_quoted(cell: str) -> str:
    """Return a field without the labels whose quotes keep a separator in them."""
    return _QUOTED_LABEL.sub(lambda quoted: '' if _holds_sign(quoted[0]) else quoted[0], cell)


def _other_signs(path: Path, rows: Mapping[int, tuple[str, str]], between: str) -> list[str]:
    """Tell of rows whose labels hold a sign that often separates labels, but not in this table."""
    others = [sign for sign in _BETWEEN_LABELS if sign != between]
    outside = {line: _without_quoted(labels) for line, (_, labels) in rows.items()}
    lines = [line for line, labels in outside.items() if any(sign in labels for sign in others)]
    if not lines:
        return []
    separated = sum(between in labels for labels in outside.values())
    return [
        f'{path}:{lines[0]}: label {shown_name(rows[lines[0]][1])} ({len(lines)} rows are such) is '
        f'taken with the sign in it, as {between!r} separates labels in {separated} rows; write '
        'the same sign in all rows if these are several labels'
    ]


def _labels_of(cell: str, between: str) -> list[str]:
    """Split the labels of a field; one in quotes may hold the sign that separates them."""
    fields = [''] if between else [cell]
    for part in (
        re.split(f'({_QUOTED_LABEL.pattern})|{re.escape(between)}', cell) if between else ()
    ):
        if part is None:
            fields.append('')
        else:
            fields[-1] += part
    return [_unquoted(label) for label in fields]


def _unquoted(label: str) -> str:
    """Return a label without quotes that keep a separator in it; other quotes belong to it."""
    quoted = _QUOTED_LABEL.fullmatch(label.strip(BLANKS))
    if not quoted or not _holds_sign(label):
        return label
    return quoted[0][1:-1].replace('""', '"')
