"""The labels in the cells of a table: separated by a sign, in quotes, or in JSON."""

import ast
import json
import re
from collections.abc import Mapping, Sequence

from qaclims_mm.exchange.labels.source import Source
from qaclims_mm.exchange.labels.values import labels_of_value
from qaclims_mm.schemas.names import BLANKS, counted, shown_name

# of several labels in one field
BETWEEN_LABELS = (';', ',', '|')
# a label in quotes, which it needs if it holds a sign that separates others
_QUOTED_LABEL = re.compile(r'(?<![^;,|\s])"(?:[^"]|"")*"(?=\s*(?:[;,|]|$))')
# how Python writes a list of texts, as in tables that pandas wrote
_TEXT_OF_PYTHON = r"""(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")"""
_LIST_OF_PYTHON = re.compile(rf'\[\s*{_TEXT_OF_PYTHON}(?:\s*,\s*{_TEXT_OF_PYTHON})*\s*\]')
_CUT_JSON = re.compile(r'\{\s*"(?:choices|taxonomy|\w*labels)"\s*:|\[\s*\{\s*"')


def labels_of_json(cell: str) -> list[str] | None:
    """Return the labels in a cell of JSON or of a list of Python.

    Args:
        cell: ``{"choices": ["cat"]}``, ``[{"rectanglelabels": ["cat"]}]``, ``["cat", "dog"]`` or
            ``['cat', 'dog']``.

    Returns:
        The labels; ``None`` if the cell is a text like any other.
    """
    cell = cell.strip(BLANKS)
    if not cell.startswith(('{', '[')):
        return None
    try:
        value = json.loads(cell)
    except RecursionError:
        return None
    except ValueError:
        return ast.literal_eval(cell) if _LIST_OF_PYTHON.fullmatch(cell) else None
    if isinstance(value, list) and not all(isinstance(item, (str, dict)) for item in value):
        return None
    return labels_of_value(value)


def add_rows(source: Source, where: str, rows: Mapping[int, tuple[str, str]]) -> None:
    """Add the image and the labels of each line of a table.

    Args:
        source: What they are added to.
        where: The table.
        rows: {line: cells of image and labels}.
    """
    in_json = {line: labels_of_json(cell) for line, (_, cell) in rows.items()}
    known = {line: labels for line, labels in in_json.items() if labels is not None}
    if known:
        source.kind += ' and labels in JSON'
        _add_beside_json(source, where, rows, known)
        return
    between = _between_labels([labels for _, labels in rows.values()])
    if between:
        source.kind += f' and {between!r} between labels'
        source.remarks += _other_signs(where, rows, between)
    for line, (image, labels) in rows.items():
        source.add(image, _labels_of(labels, between), f'{where}:{line}')


def _add_beside_json(
    source: Source,
    where: str,
    rows: Mapping[int, tuple[str, str]],
    known: Mapping[int, list[str]],
) -> None:
    """Add the rows of a table that has several labels in JSON, and single ones as they are."""
    for line, (image, cell) in rows.items():
        if line not in known and _CUT_JSON.match(cell.strip(BLANKS)):
            text = f'labels {shown_name(cell)} are no valid JSON; left out'
            source.leave_out(f'{where}:{line}', text, 'labels are no valid JSON')
        else:
            source.add(image, known.get(line, [cell]), f'{where}:{line}')


def _between_labels(cells: Sequence[str]) -> str:
    """Return the sign that separates labels in all fields of a table, or nothing.

    Where several signs occur, the first of ``BETWEEN_LABELS`` does; the others belong to names.
    """
    outside = [_without_quoted(cell) for cell in cells]
    return next((s for s in BETWEEN_LABELS if any(s in cell for cell in outside)), '')


def _holds_sign(label: str) -> bool:
    return any(sign in label for sign in BETWEEN_LABELS)


def _without_quoted(cell: str) -> str:
    """Return a field without the labels whose quotes keep a separator in them."""
    return _QUOTED_LABEL.sub(lambda quoted: '' if _holds_sign(quoted[0]) else quoted[0], cell)


def _other_signs(where: str, rows: Mapping[int, tuple[str, str]], between: str) -> list[str]:
    """Tell of rows whose labels hold a sign that often separates labels, but not in this table."""
    others = [sign for sign in BETWEEN_LABELS if sign != between]
    outside = {line: _without_quoted(labels) for line, (_, labels) in rows.items()}
    lines = [line for line, labels in outside.items() if any(sign in labels for sign in others)]
    if not lines:
        return []
    separated = sum(between in labels for labels in outside.values())
    return [
        f'{where}:{lines[0]}: label {shown_name(rows[lines[0]][1])} '
        f'({counted(len(lines), "row", "are such")}) is taken with the sign in it, as {between!r} '
        f'separates labels in {counted(separated, "row")}; write the same sign in all rows if '
        'these are several labels'
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
