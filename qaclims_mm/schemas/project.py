"""The tables of a project: where its images and masks are, what its classes are called.

A project is a folder with ``project.json``, ``classes.csv`` and ``labels.csv``, from which
``FolderWeakDataset`` reads every name that a user chose. Configs are code and hold none of them.
"""

import csv
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.files import atomic_path, is_table, read_json, write_json

PROJECT, CLASSES, LABELS = 'project.json', 'classes.csv', 'labels.csv'
PROJECT_SCHEMA = 1
_AGAIN = 'make the project again with qaclims init'


@dataclass(frozen=True)
class ProjectTables:
    """What a project's tables say, apart from the labels of its images.

    Attributes:
        images: Folder of the images.
        classes: Names without the background; the mask value of the class at index k is k + 1.
        masks: Folder of ground-truth masks, ``None`` if there is none.
        aliases: {class: other names of it}.
    """

    images: Path
    classes: Sequence[str]
    masks: Path | None = None
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)


def write_project_tables(folder: str | Path, tables: ProjectTables) -> None:
    """Write ``project.json`` and ``classes.csv``; folders become relative to the project."""
    folder = Path(folder)
    images, masks = (
        Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix() if path else None
        for path in (tables.images, tables.masks)
    )
    aliases = {name: list(others) for name, others in tables.aliases.items()}
    with (
        atomic_path(folder / CLASSES) as temporary,
        temporary.open('w', newline='', encoding='utf-8') as file,
    ):
        rows = enumerate(['background', *tables.classes])
        csv.writer(file, lineterminator='\n').writerows([('value', 'class'), *rows])
    value = dict(schema=PROJECT_SCHEMA, images=images, masks=masks, aliases=aliases)
    write_json(folder / PROJECT, value)


def read_project_tables(folder: str | Path) -> ProjectTables:
    """Read what ``write_project_tables`` wrote.

    Raises:
        FormatError: If a file is missing or holds something else.
    """
    folder = Path(folder)
    path = folder / PROJECT
    if not path.is_file():
        raise FormatError(f'{path} is missing, so {folder} is no project; {_AGAIN}.')
    value = read_json(path)
    if not is_table(value, object) or value.get('schema') != PROJECT_SCHEMA:
        raise FormatError(f'{path} is not of schema {PROJECT_SCHEMA}; {_AGAIN}.')
    images, masks, aliases = (value.get(key) for key in ('images', 'masks', 'aliases'))
    good = isinstance(images, str) and isinstance(masks, (str, type(None)))
    if not good or not is_table(aliases, list):
        raise FormatError(f'{path} needs images, masks and aliases; {_AGAIN}.')
    return ProjectTables(
        # the system follows links before it goes up, which no change of the text does
        Path(os.path.realpath(folder / images)),
        _read_classes(folder / CLASSES),
        Path(os.path.realpath(folder / masks)) if masks else None,
        {name: tuple(map(str, others)) for name, others in aliases.items()},
    )


def _read_classes(path: Path) -> tuple[str, ...]:
    if not path.is_file():
        raise FormatError(f'{path} is missing; {_AGAIN}.')
    try:
        with path.open(newline='', encoding='utf-8') as file:
            head, *rows = [*csv.reader(file)] or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f'{path} is not a table in UTF-8 ({error}); {_AGAIN}.') from error
    values = [row[0] for row in rows if len(row) == 2]
    if head != ['value', 'class'] or values != [str(k) for k in range(len(rows))] or not rows:
        raise FormatError(
            f'{path} must have the columns value and class, with the values 0, 1, 2 and so on; '
            f'{_AGAIN}.'
        )
    return tuple(name for _, name in rows[1:])


def check_not_pasted(folder: Path) -> None:
    """Refuse the configs of a project that an early version made: it pasted labels into them.

    Args:
        folder: A folder that may be such a project; nothing in it is executed.

    Raises:
        FormatError: If it is.
    """
    data = folder / 'configs/data.py'
    if (folder / PROJECT).is_file() or not ((folder / LABELS).is_file() and data.is_file()):
        return
    if 'FolderWeakDataset' in data.read_text(encoding='utf-8', errors='replace'):
        raise FormatError(
            f'{folder} is a project of an early version, whose configs hold labels as code. '
            'They are not executed. Make it again: '
            'qaclims init NEW_FOLDER --images '
            f'FOLDER_OF_IMAGES --labels {shlex.quote(str(folder / LABELS))}'
        )
