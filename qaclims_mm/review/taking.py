"""Taking corrected masks into a work dir.

The folder ``corrected`` is replaced as a whole, so that a broken run leaves the old masks or the
new ones.
"""

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from qaclims_mm.errors import ConfigError, DataError, FormatError
from qaclims_mm.exchange.masks.reading import read_masks
from qaclims_mm.review.changes import keep_predictions, link_or_copy
from qaclims_mm.review.corrected import (
    FORGET,
    clean_up,
    corrected_ids,
    ids_below,
    replace_folder,
    write_manifest,
)
from qaclims_mm.review.counting import is_nearly
from qaclims_mm.review.sources import mask_folders
from qaclims_mm.schemas import (
    file_of,
    join_problems,
    read_mask,
    temporary_path,
    write_mask,
)
from qaclims_mm.schemas.corrected import check_numbering, numbering_of
from qaclims_mm.schemas.names import shown_text
from qaclims_mm.schemas.work_dir import CAMS, CORRECTED


@dataclass
class TakenIn:
    """What became of corrected masks.

    Attributes:
        read: Masks that could be used.
        new: Masks of images that had none before.
        changed: Masks that replace an earlier correction.
        confirmed: Of all that were read, those of a stage, so a person changed nothing.
        total: Corrected masks that the work dir has now.
        forgotten: Masks that were forgotten.
        problems: One line for each mask that could not be used.
    """

    read: int = 0
    new: int = 0
    changed: int = 0
    confirmed: int = 0
    total: int = 0
    forgotten: int = 0
    problems: list[str] = field(default_factory=list)


def take_in(
    source: Path,
    root: Path,
    images: Mapping[str, tuple[int, int]],
    classes: Sequence[str],
    former: Mapping[str, str] | None = None,
    dry_run: bool = False,
) -> TakenIn:
    """Take corrected masks into a work dir, beside those that it has; a newer mask wins.

    What is needed of the segmentor's predictions is kept first, see ``changes``.

    Args:
        source: Folder of PNG files, or what a labelling tool has exported.
        root: Work dir.
        images: {image_id: (height, width)} of the images that masks are trained on.
        classes: Class names without the background.
        former: {other name: class} of the classes.
        dry_run: Whether masks are checked and counted alone, and nothing is written.

    Raises:
        ConfigError: If there is no such source, or it is the folder of a stage.
        DataError: If no mask can be used, or the masks of the work dir are of other classes.
    """
    _check_source(source, root)
    taken, folder, new = TakenIn(), root / CORRECTED, temporary_path(root / CORRECTED)
    found = _read(read_masks(source, images, classes, taken.problems, former), source, root, taken)
    if dry_run:
        taken.total = len({*corrected_ids(root), *(image_id for image_id, _ in found)})
        return taken
    check_numbering(folder, classes)
    clean_up(folder)
    try:
        new.mkdir(parents=True)
        if folder.is_dir():
            shutil.copytree(folder, new, copy_function=link_or_copy, dirs_exist_ok=True)
        for image_id, mask in found:
            write_mask(file_of(new, image_id, '.png'), mask)
        write_manifest(new, classes)
        taken.total = len([*new.rglob('*.png')])
        if taken.new or taken.changed:
            keep_predictions(root, [*corrected_ids(root), *ids_below(new)], classes)
            replace_folder(folder, new)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return taken


def _read(
    masks: Iterable[tuple[str, np.ndarray]], source: Path, root: Path, taken: TakenIn
) -> Iterator[tuple[str, np.ndarray]]:
    """Count corrected masks and yield those that the work dir does not have.

    Raises:
        DataError: If there are none at all.
    """
    for image_id, mask in masks:
        taken.read += 1
        taken.confirmed += _is_of_a_stage(image_id, mask, root)
        before = file_of(root / CORRECTED, image_id, '.png')
        if not before.is_file():
            taken.new += 1
        elif _has(before, mask):
            continue
        else:
            taken.changed += 1
        yield image_id, mask
    if not taken.read:
        lines = join_problems(taken.problems, 'entry', 'cannot be used')
        raise DataError(
            f'{shown_text(source)} has no corrected mask of an image'
            + (f'; {lines}' if taken.problems else '; a mask is called as its image, .png.')
        )


def _has(path: Path, mask: np.ndarray) -> bool:
    """Tell whether a file has a mask; a broken one has none."""
    with contextlib.suppress(FormatError):
        return np.array_equal(read_mask(path), mask)
    return False


def forget(root: Path) -> TakenIn:
    """Remove the corrected masks of a work dir."""
    ids = corrected_ids(root)
    if ids:
        keep_predictions(root, ids, numbering_of(root / CORRECTED) or [])
    shutil.rmtree(root / CORRECTED, ignore_errors=True)
    return TakenIn(forgotten=len(ids))


def _check_source(source: Path, root: Path) -> None:
    """Refuse a source that cannot be one.

    Raises:
        ConfigError: If it is missing, or a folder of the work dir, in which nobody corrects masks.
    """
    if not source.exists():
        raise ConfigError(
            f'there are no corrected masks {shown_text(source)}; give a folder of PNG files or an '
            f'export of a labelling tool, or {FORGET} to forget those that were given before.'
        )
    own = [(f.folder, f'the masks that stage {f.stage} has made') for f in mask_folders(root)]
    for folder, what in [*own, (root / CORRECTED, 'the corrected masks of an earlier run')]:
        if folder.exists() and os.path.samefile(folder, source):
            raise ConfigError(
                f'{shown_text(source)} has {what}, so nothing was corrected; export them with '
                'qaclims review --format, correct them, and give the corrected masks.'
            )


def _is_of_a_stage(image_id: str, mask: np.ndarray, root: Path) -> bool:
    """Tell whether a stage of the work dir has made a mask, as far as formats keep it."""
    for source in mask_folders(root):
        with contextlib.suppress(FormatError):
            made = source.read(image_id) if source.folder.name != CAMS else None
            if made is not None and is_nearly(made, mask):
                return True
    return False
