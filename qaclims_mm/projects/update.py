"""Write the files of a project so that nothing a person wrote is lost, all of them or none."""

import contextlib
import itertools
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qaclims_mm.projects.before import Before, hash_of
from qaclims_mm.schemas.files import atomic_path, problem_of_file, temporary_path
from qaclims_mm.schemas.names import shown_text
from qaclims_mm.schemas.project import CLASSES, LABELS, PROJECT
from qaclims_mm.schemas.project_options import INIT, Options, init_bytes

_TABLES = (LABELS, CLASSES, PROJECT)
_LEFTOVER = re.compile(r'\.[0-9a-f]{16}\.\d+\.tmp')


@dataclass
class Update:
    """What becomes of each file of a project.

    Attributes:
        new: {file: content} of those that are written.
        kept: Configs and plan that a person has changed, which stay as they are.
        aside: {file: name under which it is kept} of those that a person has changed, or that an
            earlier version made, and that are written.
        written: {file: hashes of what qaclims init wrote there}, this time and the time before: a
            run that was killed between two files is completed by the next one.
    """

    new: dict[str, bytes] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    aside: dict[str, str] = field(default_factory=dict)
    written: dict[str, tuple[str, ...]] = field(default_factory=dict)


def plan_update(before: Before, contents: Mapping[str, bytes]) -> Update:
    """Decide what becomes of each file.

    Args:
        before: The project as it is.
        contents: {file: what qaclims init would write}.
    """
    update = Update()
    for name, content in contents.items():
        path = before.folder / name
        known = tuple(before.written.get(name, ()))
        found = None if problem_of_file(path) else path.read_bytes()
        is_ours = found is None or hash_of(found) in known
        if found is not None and name == LABELS and before.is_own_source:
            # nothing else has these labels
            is_ours = False
        if found != content and not is_ours and name not in _TABLES and before.options is not None:
            update.kept.append(name)
            update.written[name] = known
            continue
        if found != content:
            update.new[name] = content
            if not is_ours:
                update.aside[name] = _free_name(before.folder, name)
        update.written[name] = tuple(dict.fromkeys([*known[-1:], hash_of(content)]))
    return update


def write_update(folder: Path, options: Options, update: Update) -> None:
    """Write a project's files.

    All are written beside the old ones before the first is replaced, the options first and the plan
    last. Killed in between, the next qaclims init completes the project.

    Args:
        folder: The project.
        options: From what it is made, to be noted.
        update: What becomes of each file.
    """
    for place in (folder, folder / 'configs'):
        place.mkdir(parents=True, exist_ok=True)
        for leftover in place.iterdir():
            if _LEFTOVER.fullmatch(leftover.name):
                leftover.unlink()
    for name, other in update.aside.items():
        with atomic_path(folder / other) as temporary:
            shutil.copy2(folder / name, temporary)
    contents = {INIT: init_bytes(folder, options, update.written), **update.new}
    with _temporary_files(folder, contents) as files:
        for name, temporary in files.items():
            os.replace(temporary, folder / name)


@contextlib.contextmanager
def _temporary_files(folder: Path, contents: Mapping[str, bytes]) -> Iterator[dict[str, Path]]:
    """Give {file: temporary file with its content}, and remove those that are left."""
    files = {name: temporary_path(folder / name) for name in contents}
    try:
        for name, content in contents.items():
            try:
                files[name].write_bytes(content)
            except OSError as error:
                # nobody knows the temporary one
                error.filename = str(folder / name)
                raise
        yield files
    finally:
        for temporary in files.values():
            temporary.unlink(missing_ok=True)


def _free_name(folder: Path, name: str) -> str:
    """Return a name that no file has: ``labels.old.csv``, ``labels.old-2.csv`` and so on."""
    path = Path(name)
    ends = itertools.chain([''], (f'-{number}' for number in itertools.count(2)))
    names = (str(path.with_name(f'{path.stem}.old{end}{path.suffix}')) for end in ends)
    return next(other for other in names if not os.path.lexists(folder / other))


def describe_files(update: Update) -> list[str]:
    """Say which files a person has changed, and what becomes of them."""
    lines = []
    if update.kept:
        lines.append(
            f'changed by hand and kept: {", ".join(map(shown_text, update.kept))}; to have one '
            'made anew, rename it and run this again'
        )
    if update.aside:
        moved = [f'{name} as {other}' for name, other in update.aside.items()]
        lines.append(f'made anew; what was there is kept: {", ".join(moved)}')
    return lines
