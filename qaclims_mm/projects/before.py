"""A project as it is before qaclims init makes or updates it."""

import contextlib
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.projects.presets import PRESETS
from qaclims_mm.schemas.files import is_table, problem_of_file, read_json
from qaclims_mm.schemas.labels import read_labels
from qaclims_mm.schemas.names import problem_of_line, shown_name, shown_text
from qaclims_mm.schemas.project import (
    CLASSES,
    LABELS,
    NOBODY,
    PROJECT,
    check_not_pasted,
    read_project_classes,
)
from qaclims_mm.schemas.project_options import INIT, Options, read_init

PLAN = 'pipeline.py'


@dataclass(frozen=True)
class Before:
    """What a folder has of a project.

    Attributes:
        folder: The folder.
        is_new: Whether the folder has no project yet.
        options: From what it was made; ``None`` for a new project and for one of an earlier
            version, which did not note them.
        written: {file: hashes of what qaclims init wrote there}.
        rows: {image: its classes}.
        classes: In the order of the masks' values.
        aliases: {class: other names of it}.
        edited: Tables that a person has changed since.
        is_interrupted: Whether the last qaclims init ended before it wrote ``labels.csv``.
    """

    folder: Path
    is_new: bool = True
    options: Options | None = None
    written: Mapping[str, Sequence[str]] = field(default_factory=dict)
    rows: Mapping[str, Sequence[str]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    edited: frozenset[str] = frozenset()
    is_interrupted: bool = False

    @property
    def is_own_source(self) -> bool:
        """Whether its ``labels.csv`` is where its labels are from."""
        labels, own = self.options and self.options.labels, self.folder / LABELS
        return bool(labels and os.path.exists(labels) and os.path.exists(own)) and (
            os.path.samefile(str(labels), own)
        )

    def has_written(self, name: str, content: bytes) -> bool:
        """Tell whether qaclims init wrote a file as it is now."""
        return hash_of(content) in self.written.get(name, ())


def hash_of(content: bytes) -> str:
    """Return the sha256 by which a file is known again."""
    return hashlib.sha256(content).hexdigest()


def read_before(folder: Path) -> Before:
    """Read what a folder has of a project.

    Raises:
        ConfigError: If a project cannot be made there, or it has something else.
        FormatError: If the project is of an early version, or its options cannot be read.
    """
    _check_folder(folder)
    noted = read_init(folder)
    if noted is None and not os.path.lexists(folder / PROJECT):
        return Before(folder)
    options, written = noted or (None, {})
    if options is not None and options.preset not in PRESETS:
        raise FormatError(
            f'{shown_text(folder / INIT)} names the preset {shown_name(options.preset)}; correct '
            f'it: {", ".join(PRESETS)}.'
        )
    before = Before(folder, False, options, written)
    contents = {n: _content_of(folder / n) for n in (LABELS, CLASSES, PROJECT)}
    edited = {n for n, c in contents.items() if c and not before.has_written(n, c)}
    is_old = LABELS not in edited and hash_of(contents[LABELS]) not in written.get(LABELS, ())[-1:]
    before = replace(before, edited=frozenset(edited), is_interrupted=is_old)
    # a table that cannot be read counts as none: it is made again, and what was there is kept
    with contextlib.suppress(FormatError):
        before = replace(before, rows=read_labels(folder / LABELS))
    with contextlib.suppress(FormatError):
        classes = tuple(c for c in read_project_classes(folder) if c != NOBODY)
        before = replace(before, classes=classes)
    with contextlib.suppress(FormatError):
        before = _with_project_file(before, read_json(folder / PROJECT))
    return before


def _with_project_file(before: Before, value: Any) -> Before:
    """Add what ``project.json`` says: other names, and folders that a person has corrected."""
    if not is_table(value, object):
        return before
    others = value.get('aliases')
    if is_table(others, list) and all(isinstance(o, str) for own in others.values() for o in own):
        before = replace(before, aliases=others)
    options = before.options
    if options is None or PROJECT not in before.edited:
        return before
    for key in ('images', 'masks'):
        place = value.get(key)
        if isinstance(place, str) and not problem_of_line(place):
            found = Path(os.path.realpath(before.folder / place))
            options = replace(options, **{key: found})  # type: ignore[arg-type]
    return replace(before, options=options)


def _content_of(path: Path) -> bytes:
    """Return what a file holds; nothing of one that is missing or no regular file."""
    return b'' if problem_of_file(path) else path.read_bytes()


def _check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be a project's, before any work is done for it."""
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise ConfigError(f'{shown_text(folder)} is no folder; choose another one.')
    try:
        os.lstat(folder / PLAN)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        # below a file, a name of 10,000 characters, a NUL
        reason = getattr(error, 'strerror', None) or error
        raise ConfigError(
            f'the folder {shown_text(folder)} cannot be made ({reason}); choose another one.'
        ) from error
    check_not_pasted(folder)
    if not any(os.path.lexists(folder / name) for name in (PROJECT, INIT)):
        raise ConfigError(
            f'{shown_text(folder)} has a {PLAN} that qaclims init has not made; choose another '
            'folder.'
        )
