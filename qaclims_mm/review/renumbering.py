"""Numbering corrected masks anew when the classes of their project have changed."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from qaclims_mm.exchange.masks.entries import Reading
from qaclims_mm.progress import track
from qaclims_mm.review.changes import drop_predictions
from qaclims_mm.review.corrected import clean_up, corrected_ids, replace_folder, write_manifest
from qaclims_mm.schemas import IGNORE_INDEX, file_of, read_mask, temporary_path, write_mask
from qaclims_mm.schemas.corrected import is_numbered_by, numbering_of
from qaclims_mm.schemas.names import counted, shown_text
from qaclims_mm.schemas.project import NOBODY
from qaclims_mm.schemas.work_dir import CORRECTED


def renumber(
    root: Path, classes: Sequence[str], former: Mapping[str, str], dry_run: bool = False
) -> list[str]:
    """Give the corrected masks of a work dir the values of its classes, by their names.

    The folder is replaced as a whole. Pixels of a class that is gone become 255.

    Args:
        root: Work dir.
        classes: Class names without the background, in the order of the masks' values.
        former: {other name: class}, such as names that classes had before.
        dry_run: Whether nothing is written.

    Returns:
        What is done, in lines; none if the masks have the right values.

    Raises:
        FormatError: If a mask or the manifest is broken.
    """
    folder = root / CORRECTED
    if is_numbered_by(folder, classes):
        return []
    known, lines = numbering_of(folder) or [], list[str]()
    reading = Reading({}, classes, lines, former)
    where = shown_text(folder)
    values = [0, *(IGNORE_INDEX if n == NOBODY else reading.value(n, where) for n in known)]
    ids = corrected_ids(root)
    said = 'are numbered anew, since the classes have changed'
    lines.insert(0, counted(len(ids), 'corrected mask', said))
    if not dry_run:
        clean_up(folder)
        new = temporary_path(folder)
        try:
            new.mkdir(parents=True)
            for image_id in track(ids, 'numbering corrected masks anew', len(ids)):
                mask = read_mask(file_of(folder, image_id, '.png'))
                mask = np.where(mask < len(values), mask, IGNORE_INDEX)
                path = file_of(new, image_id, '.png')
                write_mask(path, reading.translated(mask, values))
            write_manifest(new, classes)
            drop_predictions(root, known)
            replace_folder(folder, new)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return lines
