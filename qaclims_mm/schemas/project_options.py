"""What qaclims init was asked for and what it has written: ``init.json`` of a project.

No stage reads it, so that an option alone makes no stage stale.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.schemas.files import is_table, json_bytes, problem_of_file, read_json
from qaclims_mm.schemas.names import problem_of_line, shown_text
from qaclims_mm.schemas.project import relative_to_project

INIT = 'init.json'
INIT_SCHEMA = 1
_FIX = 'delete it and run qaclims init with all its options'
_PATHS = ('images', 'labels', 'masks', 'masks_colours')


@dataclass(frozen=True)
class Options:
    """From what a project is made.

    Attributes:
        images: Folder of the images.
        labels: Labels in a format that ``exchange.labels`` reads; ``None`` is a folder of images
            for each class.
        masks: Folder of ground truth masks of some images, ``None`` if there is none.
        classes: The classes to take; none takes all that are found.
        renames: {label: name of its class}.
        preset: Name of the networks.
        masks_colours: Table of what colours or values of masks mean, ``None`` if there is none.
        masks_as_stored: Whether masks lie on pixels that EXIF does not turn.
        epochs: Number of epochs of each training; 0 takes those of the preset.
    """

    images: Path
    labels: Path | None = None
    masks: Path | None = None
    classes: tuple[str, ...] = ()
    renames: Mapping[str, str] = field(default_factory=dict)
    preset: str = 'full'
    masks_colours: Path | None = None
    masks_as_stored: bool = False
    epochs: int = 0

    def updated(self, given: Mapping[str, Any], renames: Mapping[str, str]) -> 'Options':
        """Return these options with those that a command line gives.

        Args:
            given: {name: value}; ``None`` leaves an option as it is.
            renames: Further renames; an earlier one may be renamed again by its label or name.
        """
        chain = {label: renames.get(name, name) for label, name in self.renames.items()}
        chain |= dict(renames)
        # a class whose labels are all renamed
        again = {self.renames[label]: chain[label] for label in renames if label in self.renames}
        names = {old: new for old, new in again.items() if old not in chain.values()} | dict(
            renames
        )
        classes = tuple(dict.fromkeys(names.get(name, name) for name in self.classes))
        changed = {name: value for name, value in given.items() if value is not None}
        # what was said of other masks says nothing of these
        of_masks = dict(masks_colours=None, masks_as_stored=False) if 'masks' in changed else {}
        # other networks need other epochs
        of_preset = dict(epochs=0) if changed.get('preset', self.preset) != self.preset else {}
        kept: dict[str, Any] = of_masks | of_preset | dict(classes=classes, renames=chain)
        return replace(self, **kept | changed)


def new_options(given: Mapping[str, Any], renames: Mapping[str, str]) -> Options:
    """Return the options of a new project.

    Args:
        given: As in ``Options.updated``.
        renames: {label: name of its class}.

    Raises:
        ConfigError: If there is no folder of images among them.
    """
    if given.get('images') is None:
        raise ConfigError('a new project needs its images; add --images FOLDER.')
    return Options(Path(given['images'])).updated(given, renames)


def init_bytes(folder: Path, options: Options, written: Mapping[str, tuple[str, ...]]) -> bytes:
    """Return ``init.json``.

    Args:
        folder: The project, to which paths become relative.
        options: What was asked for.
        written: {file: hashes of what qaclims init wrote there}.
    """
    paths = {name: getattr(options, name) for name in _PATHS}
    value = dict(
        schema=INIT_SCHEMA,
        classes=list(options.classes),
        renames=dict(options.renames),
        preset=options.preset,
        masks_as_stored=options.masks_as_stored,
        written={name: list(hashes) for name, hashes in written.items()},
        # absent in projects of earlier versions, too
        **(dict(epochs=options.epochs) if options.epochs else {}),
        **{
            name: relative_to_project(folder, path) if path else None
            for name, path in paths.items()
        },
    )
    return json_bytes(value)


def read_init(folder: Path) -> tuple[Options, dict[str, tuple[str, ...]]] | None:
    """Read ``init.json``.

    Returns:
        The options, and {file: hashes of what qaclims init wrote there}; ``None`` without a file.

    Raises:
        FormatError: If it holds something else.
    """
    path = folder / INIT
    if problem_of_file(path) == 'is missing':
        return None
    value = read_json(path, _FIX)
    if not is_table(value, object) or value.get('schema') != INIT_SCHEMA:
        raise FormatError(f'{shown_text(path)} is no list of options; {_FIX}.')
    if wrong := _wrong_key(value):
        raise FormatError(f'{shown_text(path)}: {wrong} is not as qaclims init writes it; {_FIX}.')
    # the system follows links before it goes up, which no change of the text does
    found = {k: Path(os.path.realpath(folder / value[k])) for k in _PATHS if value[k] is not None}
    options = Options(
        **found,
        classes=tuple(value['classes']),
        renames=value['renames'],
        preset=value['preset'],
        masks_as_stored=value['masks_as_stored'],
        epochs=value.get('epochs', 0),
    )
    return options, {name: tuple(hashes) for name, hashes in value['written'].items()}


def _wrong_key(value: Mapping[str, Any]) -> str:
    """Return the first key of ``init.json`` with a wrong value, or ''."""
    right = dict(
        images=_is_path(value.get('images')),
        labels=value.get('labels', 0) is None or _is_path(value.get('labels')),
        masks=value.get('masks', 0) is None or _is_path(value.get('masks')),
        masks_colours=value.get('masks_colours', 0) is None or _is_path(value.get('masks_colours')),
        masks_as_stored=isinstance(value.get('masks_as_stored'), bool),
        classes=_is_texts(value.get('classes')),
        renames=is_table(value.get('renames'), str),
        preset=isinstance(value.get('preset'), str),
        epochs=type(value.get('epochs', 0)) is int and value.get('epochs', 0) >= 0,
        written=is_table(value.get('written'), list)
        and all(_is_texts(hashes) for hashes in value['written'].values()),
    )
    return next((name for name, good in right.items() if not good), '')


def _is_path(value: object) -> bool:
    return isinstance(value, str) and bool(value) and not problem_of_line(value)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)
