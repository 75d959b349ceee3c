"""Reads labels from a table; image paths stay as they are written in it."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.cells import BETWEEN_LABELS, add_rows
from qaclims_mm.exchange.labels.columns import (
    IMAGE_COLUMNS,
    LABEL_COLUMNS,
    column_of,
    json_column,
    marked,
    one_hot_columns,
    other_label_columns,
    problem_of_head,
)
from qaclims_mm.exchange.labels.encodings import decode_table
from qaclims_mm.exchange.labels.source import Source, some_of
from qaclims_mm.schemas.images import SUFFIXES
from qaclims_mm.schemas.names import BLANKS, counted, shown_name, shown_text

SEPARATORS = (',', ';', '\t', '|')
_SHOWN = 5
_JSON_START = ('{', '[')


def read_table(path: Path) -> Source:
    """Read a CSV file, whose separators are found.

    Its labels stand in one column, or each class has a column of 0 and 1.

    Raises:
        FormatError: If it is no table, lacks a column, or most of its rows are torn.
    """
    where = shown_text(path)
    text, note = decode_table(where, path.read_bytes())
    if not text:
        raise FormatError(f'{where} is empty; it needs the columns image and labels.')
    line, separator = _first_line(text)
    if not line.count(separator):
        raise FormatError(
            f'{where}:1 has none of the separators , ; tab |, so there is one column: '
            f'{line[:60]!r}; it needs the columns image and labels.'
        )
    reader = csv.reader(io.StringIO(text, newline=''), delimiter=separator)
    rows = _rows(reader, where)
    head = [cell.strip(BLANKS) for cell in next(rows)]
    image, label = column_of(head, IMAGE_COLUMNS), column_of(head, LABEL_COLUMNS)
    if image is None:
        raise FormatError(f'{where}:1 {problem_of_head(head)}')
    columns = [place for place in (image, label) if place is not None]
    found, torn = _divide(reader, rows, len(head), columns, separator)
    source = Source(f'table with {separator!r} between its columns')
    source.notes += [note] if note else []
    if torn:
        text = _cures(torn, separator)
        source.leave_out(f'{where}:{next(iter(torn))}', text)
        if len(torn) > len(found):
            raise FormatError(
                f'{source.problems[0]}. That is {len(torn)} of '
                f'{counted(len(torn) + len(found), "row")}, so nothing is read.'
            )
    label = json_column(found.values(), image) if label is None else label
    if label is not None:
        if others := other_label_columns(head, label):
            listed = ', '.join(map(shown_name, others))
            source.notes.append(
                f'labels were read from column {shown_name(head[label])} alone, not from {listed}'
            )
        cells = {line: (row[image], row[label]) for line, row in found.items()}
        add_rows(source, where, cells)
    else:
        _add_one_hot(source, where, head, found, image)
    return source


def read_image_column(text: str, where: str) -> tuple[dict[int, str], list[str]]:
    """Return {line: image} of a table of images, whatever else it tells, and what is left out.

    Args:
        text: The table, whose separators are found.
        where: The table, for messages.

    Raises:
        FormatError: If it has no column of images, or a field has no end.
    """
    _, separator = _first_line(text)
    reader = csv.reader(io.StringIO(text, newline=''), delimiter=separator)
    rows = _rows(reader, where)
    head = [cell.strip(BLANKS) for cell in next(rows, [])]
    image = column_of(head, IMAGE_COLUMNS)
    if image is None:
        raise FormatError(f'{where}:1 must have the column image; add it.')
    found, torn = _divide(reader, rows, len(head), [image], separator)
    names = {line: cells[image].strip(BLANKS) for line, cells in found.items()}
    problems = [f'{where}:{next(iter(torn))}: {_cures(torn, separator)}'] if torn else []
    return {line: name for line, name in names.items() if name}, problems


def _first_line(text: str) -> tuple[str, str]:
    """Return the first line of a table, and the sign that separates its columns if it has any."""
    line = text.partition('\n')[0]
    return line, max(SEPARATORS, key=line.count)


def _add_one_hot(
    source: Source, where: str, head: Sequence[str], rows: Mapping[int, list[str]], image: int
) -> None:
    """Add the rows of a table with a column for each class.

    Raises:
        FormatError: If it is none.
    """
    classes = one_hot_columns(head, rows.values(), image)
    if not classes:
        raise FormatError(f'{where}:1 {problem_of_head(head)}')
    source.kind += ' and a column of 0 and 1 for each class'
    for line, cells in rows.items():
        labels = marked(cells, classes)
        if labels is None:
            text = 'a cell is neither 0 nor 1, as those of a class are; left out'
            source.leave_out(f'{where}:{line}', text)
        else:
            source.add(cells[image], labels, f'{where}:{line}')


def _divide(
    reader: Any,
    rows: Iterator[list[str]],
    number: int,
    columns: Sequence[int],
    separator: str,
) -> tuple[dict[int, list[str]], dict[int, str]]:
    """Return {line: fields} of the rows that can be read, and {line: reason} of those that cannot.

    Args:
        reader: What knows the line.
        rows: The rows below the first line.
        number: Fields of the first line.
        columns: Places of the image and, if it is known, of the labels.
        separator: Of the columns.
    """
    found: dict[int, list[str]] = {}
    torn: dict[int, str] = {}
    for cells in rows:
        if not any(cell.strip(BLANKS) for cell in cells):
            continue
        if reason := _torn(cells, number, columns, separator):
            torn[reader.line_num] = reason
        else:
            found[reader.line_num] = cells
    return found, torn


def _rows(reader: Any, where: str) -> Iterator[list[str]]:
    """Yield the rows of a table.

    Raises:
        FormatError: If a field has no end.
    """
    try:
        yield from reader
    except csv.Error as error:
        raise FormatError(
            f'{where}:{reader.line_num}: {error}; is a quotation mark before it not closed?'
        ) from error


def _torn(cells: Sequence[str], number: int, columns: Sequence[int], separator: str) -> str:
    """Return how a row's fields show that its separators are not those of the columns, or nothing.

    Args:
        cells: Its fields.
        number: Fields of the first line.
        columns: Places of the image and, if it is known, of the labels.
        separator: Of the columns.
    """
    if len(cells) != number:
        return f'{counted(len(cells), "field")} where the first line has {number}'
    named = [cells[place] for place in columns if not cells[place].startswith(_JSON_START)]
    if any('\n' in cell and separator in cell for cell in named):
        return 'a quotation mark that is not closed in its line'
    image = cells[columns[0]]
    name, *labels = re.split('[,;\t|]', image)
    is_image = PurePosixPath(name).suffix.lower() in SUFFIXES
    return f'an image {shown_name(image)}' if labels and is_image else ''


def _cures(torn: Mapping[int, str], separator: str) -> str:
    """Tell of rows whose separators are not those of the columns, and what helps.

    Args:
        torn: {line: how it shows}.
        separator: Of the columns.
    """
    first = next(iter(torn))
    listed = some_of([str(line) for line in torn], _SHOWN)
    more = f' ({len(torn)} rows are such: lines {listed})' if len(torn) > 1 else ''
    sign = next(sign for sign in BETWEEN_LABELS if sign != separator)
    return (
        f'{torn[first]}{more}; columns are separated by {separator!r}, as in the first '
        f'line, so write several labels in quotes ("cat{separator}dog") or with another sign '
        f'between them (cat{sign}dog); left out'
    )
