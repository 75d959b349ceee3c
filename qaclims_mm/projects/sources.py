"""From where a project takes its labels: a file, class folders, or its own ``labels.csv``."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.exchange.labels.reading import read_source
from qaclims_mm.exchange.labels.source import Source
from qaclims_mm.exchange.labels.words import as_words
from qaclims_mm.projects.before import Before
from qaclims_mm.schemas.files import problem_of_file
from qaclims_mm.schemas.labels import read_labels
from qaclims_mm.schemas.names import shown_text
from qaclims_mm.schemas.project import LABELS
from qaclims_mm.schemas.project_options import Options


class Labelled(NamedTuple):
    """Labels, and how they are to be used.

    Attributes:
        source: The labels.
        options: The options, in which ``labels`` is what was read.
        noted: Labels and names of earlier renames, which need not be found again.
        names: {class of the project as it was: its name now}.
        why_own: Why the project's own table was read, or ''.
    """

    source: Source
    options: Options
    noted: frozenset[str]
    names: Mapping[str, str]
    why_own: str

    @property
    def order(self) -> tuple[str, ...]:
        """Classes of the project as it was, by their new names."""
        return tuple(dict.fromkeys(self.names.values()))


def read_project_labels(
    before: Before, options: Options, given: Mapping[str, str | None], renames: dict[str, str]
) -> Labelled:
    """Read the labels of a project.

    Its own ``labels.csv`` is read if a person has changed it or the file it was made from is gone,
    unless ``--labels`` says otherwise.

    Args:
        before: The project as it is.
        options: From what it is to be made.
        given: The options of the command line, ``None`` where they are not given.
        renames: Those of the command line.

    Raises:
        ConfigError: If the folder of images is not there.
        FormatError: If the labels cannot be read.
    """
    if before.options is not None and not os.path.isdir(options.images):
        raise ConfigError(
            f'there is no folder {shown_text(options.images)} with the images of the project; '
            'say where they are: --images FOLDER.'
        )
    known = before.options.renames if before.options else {}
    own = before.folder / LABELS
    why = _why_own(before, options, given.get('labels') is not None)
    if not why:
        source = read_source(options.labels or options.images, options.images)
        names = _new_names(before.classes, source, known, options.renames, renames)
        return Labelled(source, options, frozenset([*known, *known.values()]), names, '')
    source = _read_own(own, options.images)
    # those that were chosen, and what a person has added to them
    found = [label for labels in source.rows.values() for label in labels]
    more = found if options.classes and given.get('classes') is None else []
    classes = tuple(dict.fromkeys([*options.classes, *more]))
    # it has the new names already, unless they were about to be written
    again = {known.get(label, label): name for label, name in renames.items()}
    names = _new_names(before.classes, source, {}, again, again)
    if before.is_interrupted:
        again = {**known, **again}
    options = replace(options, labels=own, classes=classes, renames=again)
    return Labelled(source, options, frozenset(), names, '' if why == 'noted' else why)


def _new_names(
    classes: Sequence[str],
    source: Source,
    known: Mapping[str, str],
    now: Mapping[str, str],
    renames: Mapping[str, str],
) -> dict[str, str]:
    """Return {class of the project as it was: its name now}.

    A class is renamed by its own name, or by all labels that it was made of.

    Args:
        classes: As they were.
        source: The labels.
        known: {label: name of its class} as it was.
        now: The same as it is now.
        renames: Those of the command line.
    """
    found = as_words([label for labels in source.rows.values() for label in labels])
    of_labels: dict[str, set[str]] = {}
    for label, text in found.items():
        old, new = (names.get(label, names.get(text, text)) for names in (known, now))
        of_labels.setdefault(old, set()).add(new)
    only = {old: next(iter(new)) for old, new in of_labels.items() if len(new) == 1}
    of_classes = {as_words([label])[label]: name for label, name in renames.items()}
    of_classes |= renames
    return {name: of_classes.get(name, only.get(name, name)) for name in classes}


def _why_own(before: Before, options: Options, is_given: bool) -> str:
    """Return why the project's own table is read, or '' if it is not."""
    own = before.folder / LABELS
    if problem_of_file(own):
        return ''
    labels = options.labels
    if replace(before, options=options).is_own_source:
        return 'noted'
    if is_given or before.options is None:
        return ''
    if LABELS in before.edited:
        there = shown_text(labels or options.images)
        return f'it was changed by hand; --labels {there} goes back to that'
    if labels is not None and not os.path.exists(labels):
        return f'{shown_text(labels)} is not there'
    return ''


def _read_own(path: Path, images: Path) -> Source:
    """Read ``labels.csv`` as stages do, or, where that fails, as any table."""
    try:
        rows = read_labels(path)
    except FormatError:
        return read_source(path, images)
    source = Source(f'labels of {path}')
    for number, (image, labels) in enumerate(rows.items(), start=1):
        source.add(image, labels, f'{path}, image {number}')
    return source
