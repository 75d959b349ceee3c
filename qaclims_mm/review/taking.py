"""Taking corrected masks into a work dir.

The folder ``corrected`` is replaced as a whole, so that a broken run leaves the old masks or the
new ones.
"""

import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from qaclims_mm.errors import ConfigError, DataError, FormatError
from qaclims_mm.exchange.masks.reading import read_masks
from qaclims_mm.review.changes import keep_predictions, link_or_copy
from qaclims_mm.review.corrected import (
    FORGET,
    check_classes,
    corrected_ids,
    ids_below,
    known_classes,
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
from qaclims_mm.schemas.names import shown_text
from qaclims_mm.schemas.work_dir import CAMS, CORRECTED

# end of the name of a folder that is being replaced
_OLD = '.old.tmp'


@dataclass
class TakenIn:
    """What became of corrected masks.

    Attributes:
        read: Masks that could be used.
        new: Masks of images that had none before.
        changed: Masks that replace an earlier correction.
        confirmed: Masks that are those of a stage, so a person changed nothing.
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
) -> TakenIn:
    """Take corrected masks into a work dir, beside those that it has; a newer mask wins.

    What is needed of the segmentor's predictions is kept first, see ``changes``.

    Args:
        source: Folder of PNG files, or what a labelling tool has exported.
        root: Work dir.
        images: {image_id: (height, width)} of the images that masks are trained on.
        classes: Class names without the background.

    Raises:
        ConfigError: If there is no such source, or it is the folder of a stage.
        DataError: If no mask can be used, or the masks of the work dir are of other classes.
    """
    _check_source(source, root)
    check_classes(root, classes)
    taken, folder, new = TakenIn(), root / CORRECTED, temporary_path(root / CORRECTED)
    _clean_up(folder)
    try:
        new.mkdir(parents=True)
        if folder.is_dir():
            shutil.copytree(folder, new, copy_function=link_or_copy, dirs_exist_ok=True)
        for image_id, mask in read_masks(source, images, classes, taken.problems):
            _add(image_id, mask, folder, new, taken)
            taken.confirmed += _is_of_a_stage(image_id, mask, root)
        if not taken.read:
            lines = join_problems(taken.problems, 'entries cannot be used')
            raise DataError(
                f'{shown_text(source)} has no corrected mask of an image'
                + (f'; {lines}' if taken.problems else '; a mask is called as its image, .png.')
            )
        write_manifest(new, classes)
        taken.total = len([*new.rglob('*.png')])
        if taken.new or taken.changed:
            keep_predictions(root, [*corrected_ids(root), *ids_below(new)], classes)
            _replace(folder, new)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return taken


def forget(root: Path) -> TakenIn:
    """Remove the corrected masks of a work dir."""
    ids = corrected_ids(root)
    if ids:
        keep_predictions(root, ids, known_classes(root) or [])
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


def _add(image_id: str, mask: np.ndarray, folder: Path, new: Path, taken: TakenIn) -> None:
    """Write a corrected mask, unless the same one is there."""
    taken.read += 1
    before = file_of(folder, image_id, '.png')
    if before.is_file():
        with contextlib.suppress(FormatError):
            if np.array_equal(read_mask(before), mask):
                return
        taken.changed += 1
    else:
        taken.new += 1
    write_mask(file_of(new, image_id, '.png'), mask)


def _is_of_a_stage(image_id: str, mask: np.ndarray, root: Path) -> bool:
    """Tell whether a stage of the work dir has made a mask, as far as formats keep it."""
    for source in mask_folders(root):
        with contextlib.suppress(FormatError):
            made = source.read(image_id) if source.folder.name != CAMS else None
            if made is not None and is_nearly(made, mask):
                return True
    return False


def _clean_up(folder: Path) -> None:
    """Finish or undo what a run that was killed has begun."""
    for left in sorted(folder.parent.glob('.*.tmp')):
        if left.name.endswith(_OLD) and not folder.exists():
            left.rename(folder)
        # a file is another's
        elif left.is_dir():
            shutil.rmtree(left)


def _replace(folder: Path, new: Path) -> None:
    """Put a folder in the place of another."""
    old = new.with_name(new.name + _OLD)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
