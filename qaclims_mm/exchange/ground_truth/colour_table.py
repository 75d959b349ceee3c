"""What the colours or numbers of masks mean, as a user says it: a CSV file."""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.ground_truth.pixels import symbol_of
from qaclims_mm.schemas import IGNORE_INDEX
from qaclims_mm.schemas.files import problem_of_file
from qaclims_mm.schemas.names import counted, shown_name, shown_text

# what a row may have in place of a class
BACKGROUND, IGNORE = 'background', 'ignore'
_HEADS = (('r', 'g', 'b', 'class'), ('red', 'green', 'blue', 'class'))
_HEX = re.compile(r'#?([0-9a-fA-F]{6})')
_FORMS = 'r,g,b,class (such as 128,0,0,cat), or colour,class (#800000,cat), or value,class (3,cat)'


class ColourTable(NamedTuple):
    """Meanings of colours or numbers.

    Attributes:
        values: {symbol: value in the masks of the project}.
        coloured: Whether the symbols are colours.
    """

    values: Mapping[int, int]
    coloured: bool


def read_colour_table(
    path: str | Path, names: Sequence[str], renamed: Mapping[str, str]
) -> ColourTable:
    """Read a table of colours.

    Args:
        path: CSV in UTF-8 with a header: ``r,g,b,class``, ``colour,class`` or ``value,class``. A
            class is one of the project, a label that was renamed to one, ``background`` or
            ``ignore``.
        names: Classes of the project in the order of its masks' values.
        renamed: {label: class}.

    Raises:
        FormatError: If it is missing, has other columns, or a row says something else.
    """
    if problem := problem_of_file(path):
        raise FormatError(f'{shown_text(path)} {problem}; give a CSV file with {_FORMS}.')
    try:
        text = Path(path).read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise FormatError(f'{shown_text(path)} is not UTF-8; save it as such.') from error
    first = text.partition('\n')[0]
    separator = max(',;\t', key=first.count)
    rows = csv.reader(text.splitlines(), delimiter=separator)
    head = tuple(cell.strip().lower() for cell in next(rows, []))
    colour = head in (('colour', 'class'), ('color', 'class'))
    if not colour and head not in (*_HEADS, ('value', 'class')):
        raise FormatError(f'{shown_text(path)}: the first line must be the header {_FORMS}.')
    values: dict[int, int] = {}
    meanings = _meanings(names, renamed)
    for line, row in enumerate(rows, start=2):
        if not any(cell.strip() for cell in row):
            continue
        where = f'{shown_text(path)}:{line}'
        if len(row) != len(head):
            fields = counted(len(row), 'field')
            raise FormatError(f'{where}: {fields}, but the header has {len(head)}.')
        *cells, name = (cell.strip() for cell in row)
        symbol = _symbol(cells, colour, where)
        value = meanings.get(name)
        if value is None:
            raise FormatError(
                f'{where}: {shown_name(name)} is no class of the project, nor {BACKGROUND} or '
                f'{IGNORE}.'
            )
        if values.setdefault(symbol, value) != value:
            raise FormatError(f'{where}: {", ".join(cells)} stands twice with different classes.')
    return ColourTable(values, head != ('value', 'class'))


def _meanings(names: Sequence[str], renamed: Mapping[str, str]) -> dict[str, int]:
    """Return {what a row may say: value}; a class that is called so goes before a word of ours."""
    own = {name: value for value, name in enumerate(names, start=1)}
    labels = {label: own[name] for label, name in renamed.items() if name in own}
    return {BACKGROUND: 0, IGNORE: IGNORE_INDEX, **labels, **own}


def _symbol(cells: Sequence[str], colour: bool, where: str) -> int:
    """Return the symbol of a row.

    Raises:
        FormatError: If it is none.
    """
    if colour:
        found = _HEX.fullmatch(cells[0])
        if not found:
            raise FormatError(f'{where}: a colour is written #rrggbb, not {shown_name(cells[0])}.')
        return int(found[1], 16)
    highest = 255 if len(cells) == 3 else 0xFFFFFF
    for cell in cells:
        # of other alphabets' digits int() makes numbers too
        if not (cell.isascii() and cell.isdigit() and len(cell) < 9 and int(cell) <= highest):
            raise FormatError(
                f'{where}: {shown_name(cell)} is no whole number from 0 to {highest}.'
            )
    return symbol_of(*map(int, cells)) if len(cells) == 3 else int(cells[0])
