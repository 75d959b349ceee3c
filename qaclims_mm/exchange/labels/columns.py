"""The columns of a table: which one names the image, and which ones say its labels."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath

from qaclims_mm.exchange.labels.cells import labels_of_json
from qaclims_mm.exchange.labels.label_studio import META
from qaclims_mm.schemas.images import SUFFIXES
from qaclims_mm.schemas.names import BLANKS, shown_name

IMAGE_COLUMNS = (
    'image',
    'file',
    'filename',
    'file_name',
    'path',
    'filepath',
    'image_path',
    'image_id',
    'image_url',
    'img',
    'url',
    'name',
)
LABEL_COLUMNS = (
    'labels',
    'label',
    'classes',
    'class',
    'class_name',
    'tags',
    'tag',
    'categories',
    'category',
    'choices',
    'choice',
)
# of one-hot tables, besides the image and the classes
_NO_CLASSES = ('', 'unnamed: 0', 'index', 'id', 'split')
_ON, _OFF = ('1', '1.0', 'true', 'yes', 'x'), ('', '0', '0.0', 'false', 'no')
_SHOWN = 5


def column_of(head: Sequence[str], names: Sequence[str]) -> int | None:
    """Return the place of the first of some names in a head, in whatever case; or ``None``."""
    lower = [cell.lower() for cell in head]
    return next((lower.index(name) for name in names if name in lower), None)


def other_label_columns(head: Sequence[str], used: int) -> list[str]:
    """Return the names of the columns of a head that are called as labels are, besides the used."""
    return [name for k, name in enumerate(head) if k != used and name.lower() in LABEL_COLUMNS]


def json_column(rows: Collection[Sequence[str]], image: int) -> int | None:
    """Return the place of the only column whose cells hold labels in JSON, or ``None``.

    Label Studio calls the column as the control that a project has, which may be anything.
    """
    found = {
        place
        for cells in rows
        for place, cell in enumerate(cells)
        if place != image and cell.startswith(('{', '[')) and labels_of_json(cell)
    }
    return found.pop() if len(found) == 1 else None


def one_hot_columns(
    head: Sequence[str], rows: Collection[Sequence[str]], image: int
) -> dict[int, str]:
    """Return {place: class} of a table with a column of 0 and 1 for each class, else nothing.

    Args:
        head: The names of the columns.
        rows: The cells of each row. Half of the rows or more must be of 0 and 1.
        image: Place of the column that names the image.
    """
    classes = {
        place: name
        for place, name in enumerate(head)
        if place != image and name.lower() not in _NO_CLASSES
    }
    fit = sum(marked(cells, classes) is not None for cells in rows)
    return classes if classes and rows and 2 * fit >= len(rows) else {}


def marked(cells: Sequence[str], classes: Mapping[int, str]) -> list[str] | None:
    """Return the classes that a row marks; ``None`` if a cell is neither 0 nor 1.

    Args:
        cells: The cells of the row.
        classes: {place: class}.
    """
    found = []
    for place, name in classes.items():
        cell = cells[place].strip(BLANKS).lower()
        if cell in _ON:
            found.append(name)
        elif cell not in _OFF:
            return None
    return found


def problem_of_head(head: Sequence[str]) -> str:
    """Say that columns are missing, or the whole line that names them."""
    shown = ', '.join(map(shown_name, head[:_SHOWN])) + (' ..' if len(head) > _SHOWN else '')
    if any(PurePosixPath(cell).suffix.lower() in SUFFIXES for cell in head):
        return f'must name the columns, as image,labels does, but is a row already: {shown}.'
    if len(set(META) & set(head)) > 1:
        return (
            f'is a table of Label Studio without a column of labels, or with several: {shown}; '
            'export JSON.'
        )
    return (
        f'needs the columns image and labels, but has {shown}; image may also be called '
        f'{", ".join(IMAGE_COLUMNS[1:])}, and labels {", ".join(LABEL_COLUMNS[1:])}. Instead of '
        'labels, each class may have a column of 0 and 1.'
    )
