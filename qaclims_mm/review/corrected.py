"""Masks that people have corrected: kept in a work dir as PNG in its numbering of the classes.

``corrected/<image_id>.png`` takes the place of the pseudo mask in the training of the segmentor
(``LoadMask(corrected=...)``), and is the ground truth of its image.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from qaclims_mm.schemas import Manifest, file_of, hash_config, hash_file, image_id_of
from qaclims_mm.schemas.work_dir import CORRECTED

# what forgets all corrected masks, in the place of a folder
FORGET = 'none'
# end of the name of a folder that is being replaced
_OLD = '.old.tmp'


def corrected_ids(root: Path) -> list[str]:
    """Return the ids of the images of a work dir whose masks were corrected, sorted."""
    return ids_below(root / CORRECTED)


def ids_below(folder: Path) -> list[str]:
    """Return the ids of the images that have a PNG below a folder, sorted."""
    return sorted(image_id_of(p, folder) for p in folder.rglob('*.png'))


def write_manifest(folder: Path, classes: Sequence[str]) -> None:
    """Write the manifest of a folder of corrected masks: their hashes, and the classes."""
    ids = ids_below(folder)
    hashes = {i: hash_file(file_of(folder, i, '.png')) for i in ids}
    extra = dict(classes=list(classes), masks=hashes)
    config = hash_config(dict(classes=list(classes)))
    Manifest(CORRECTED, config, counts=dict(images=len(ids), failed=0), extra=extra).write(folder)


def clean_up(folder: Path) -> None:
    """Finish or undo what a run that was killed has begun to put in the place of a folder."""
    for left in sorted(folder.parent.glob('.*.tmp')):
        if left.name.endswith(_OLD) and not folder.exists():
            left.rename(folder)
        # a file is another's
        elif left.is_dir():
            shutil.rmtree(left)


def replace_folder(folder: Path, new: Path) -> None:
    """Put a folder in the place of another, which may be absent."""
    old = new.with_name(new.name + _OLD)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
