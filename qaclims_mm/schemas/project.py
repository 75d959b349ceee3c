"""The tables of a project: where its images and masks are, what its classes are called.

A project is a folder with ``project.json``, ``classes.csv`` and ``labels.csv``, from which
``FolderWeakDataset`` reads every name that a user chose. Configs are code and hold none of them.
"""

import csv
import io
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.files import (
    atomic_path,
    json_bytes,
    problem_of_file,
    read_json,
    shown_json,
)
from qaclims_mm.schemas.names import problem_of_line, problem_of_name, shown_name, shown_text

PROJECT, CLASSES, LABELS = 'project.json', 'classes.csv', 'labels.csv'
PROJECT_SCHEMA = 1
# the mask's value of this place is that of pixels that do not count
GAP, NOBODY = 254, '(nobody)'
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


def with_gap(classes: Sequence[str]) -> list[str]:
    """Return class names with ``(nobody)`` where a mask's value would be 255."""
    gap = [NOBODY] if len(classes) > GAP else []
    return [*classes[:GAP], *gap, *classes[GAP:]]


def project_bytes(folder: str | Path, tables: ProjectTables) -> dict[str, bytes]:
    """Return ``classes.csv`` and ``project.json`` of a project by their names.

    Args:
        folder: The project, to which its folders become relative.
        tables: What they say.
    """
    value = dict(
        schema=PROJECT_SCHEMA,
        images=relative_to_project(folder, tables.images),
        masks=relative_to_project(folder, tables.masks) if tables.masks else None,
        aliases={name: list(others) for name, others in tables.aliases.items()},
    )
    return {CLASSES: classes_bytes(tables.classes), PROJECT: json_bytes(value)}


def classes_bytes(classes: Sequence[str]) -> bytes:
    """Return ``classes.csv``, of a project or of a stage whose files have values of classes.

    Args:
        classes: Names without the background.
    """
    file = io.StringIO()
    rows = enumerate(['background', *classes])
    csv.writer(file, lineterminator='\n').writerows([('value', 'class'), *rows])
    return file.getvalue().encode()


def write_classes(folder: Path, classes: Sequence[str]) -> None:
    """Write into a stage's folder what the values in its files mean, whole or not at all.

    Args:
        folder: The folder. That of a project has its own table, which stays.
        classes: Names without the background.
    """
    if not os.path.lexists(folder / PROJECT):
        with atomic_path(folder / CLASSES) as temporary:
            temporary.write_bytes(classes_bytes(classes))


def relative_to_project(folder: str | Path, path: Path) -> str:
    """Return a path as seen from a project, so that both can be moved together."""
    return Path(os.path.relpath(path.resolve(), Path(folder).resolve())).as_posix()


def write_project_tables(folder: str | Path, tables: ProjectTables) -> None:
    """Write ``project.json`` and ``classes.csv``; folders become relative to the project."""
    for name, content in project_bytes(folder, tables).items():
        with atomic_path(Path(folder, name)) as temporary:
            temporary.write_bytes(content)


def read_project_tables(folder: str | Path) -> ProjectTables:
    """Read what ``write_project_tables`` wrote.

    Raises:
        FormatError: If a file is missing or holds something else, or a folder is no folder.
    """
    folder = Path(folder)
    path = folder / PROJECT
    problem = problem_of_file(path)
    if problem == 'is missing':
        raise FormatError(f'{path} is missing, so {folder} is no project; {_AGAIN}.')
    value = read_json(path, _AGAIN)
    if not isinstance(value, dict):
        raise FormatError(f'{path} holds no project; {_AGAIN}.')
    if type(value.get('schema')) is not int or value['schema'] != PROJECT_SCHEMA:
        raise FormatError(
            f'{path} is of another version (schema {shown_json(value.get("schema"))}, but this one '
            f'reads {PROJECT_SCHEMA}); {_AGAIN}.'
        )
    classes = read_project_classes(folder)
    return ProjectTables(
        _folder_of(path, 'images', value.get('images')),
        classes,
        _folder_of(path, 'masks', value['masks']) if value.get('masks') is not None else None,
        _aliases_of(path, value.get('aliases'), classes),
    )


def _folder_of(path: Path, key: str, value: object) -> Path:
    """Return the folder of images or masks that a project names.

    Raises:
        FormatError: If it is no folder.
    """
    fix = f'correct {key} there, or {_AGAIN}'
    if not isinstance(value, str) or not value:
        raise FormatError(f'{path}: {key} must be a folder, but is {shown_json(value)}; {fix}.')
    if problem := problem_of_line(value):
        raise FormatError(f'{path}: {key} {shown_name(value)}: {problem}; {fix}.')
    # the system follows links before it goes up, which no change of the text does
    found = os.path.realpath(path.parent / value)
    if not os.path.isdir(found):
        raise FormatError(f'{path}: {key} {shown_text(found)} is no folder; {fix}.')
    return Path(found)


def _aliases_of(path: Path, value: object, classes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the other names of classes that a project lists.

    Raises:
        FormatError: If one is of no class, or cannot be a name.
    """
    if not isinstance(value, dict):
        raise FormatError(f'{path}: aliases must be {{class: [names]}}; {_AGAIN}.')
    aliases: dict[str, tuple[str, ...]] = {}
    for name, others in value.items():
        where = f'{path}: aliases of {shown_name(name)}'
        if name not in classes:
            raise FormatError(f'{where}: there is no such class in {CLASSES}; take them out.')
        if not isinstance(others, list) or not all(isinstance(other, str) for other in others):
            raise FormatError(f'{where} must be a list of texts; correct them there.')
        for other in others:
            if problem := problem_of_name(other):
                raise FormatError(f'{where}: {shown_name(other)}: {problem}; take it out.')
        aliases[name] = tuple(others)
    return aliases


def read_project_classes(folder: str | Path, fix: str = _AGAIN) -> tuple[str, ...]:
    """Read the class names of a project, whose images may be elsewhere, or of a stage.

    Args:
        folder: The project, or the folder of the stage.
        fix: What to do if the table is wrong.

    Raises:
        FormatError: If the table is missing or wrong.
    """
    path = Path(folder) / CLASSES
    if problem := problem_of_file(path):
        raise FormatError(f'{path} {problem}; {fix}.')
    try:
        # spreadsheets write a mark at the start
        with path.open(newline='', encoding='utf-8-sig') as file:
            head, *rows = [*csv.reader(file)] or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f'{path} is not a table in UTF-8 ({error}); {fix}.') from error
    values = [row[0] for row in rows if len(row) == 2]
    if head != ['value', 'class'] or values != [str(k) for k in range(len(rows))] or not rows:
        raise FormatError(
            f'{path} must have the columns value and class, with the values 0, 1, 2 and so on; '
            f'{fix}.'
        )
    names = tuple(name for _, name in rows)
    if names[0] != 'background':
        raise FormatError(
            f'{path}: value 0 must be background, but is {shown_name(names[0])}; {fix}.'
        )
    for value, name in enumerate(names):
        if problem := problem_of_name(name):
            raise FormatError(f'{path}: class {value}, {shown_name(name)}: {problem}; {fix}.')
    return names[1:]


def check_not_pasted(folder: Path) -> None:
    """Refuse the configs of a project that an early version made: it pasted labels into them.

    Args:
        folder: A folder that may be such a project; nothing in it is executed.

    Raises:
        FormatError: If it is.
    """
    data = folder / 'configs/data.py'
    # whatever has the name of the tables shows that it is no early version; what reads it says more
    is_new = os.path.lexists(folder / PROJECT)
    if is_new or not ((folder / LABELS).is_file() and data.is_file()):
        return
    if 'FolderWeakDataset' in data.read_text(encoding='utf-8', errors='replace'):
        raise FormatError(
            f'{folder} is a project of an early version, whose configs hold labels as code. '
            'They are not executed. Make it again: '
            'qaclims init NEW_FOLDER --images '
            f'FOLDER_OF_IMAGES --labels {shlex.quote(str(folder / LABELS))}'
        )
