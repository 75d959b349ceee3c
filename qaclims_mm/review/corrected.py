"""Masks that people have corrected: kept in a work dir as PNG in its numbering of the classes.

``corrected/<image_id>.png`` takes the place of the pseudo mask in the training of the segmentor
(``LoadMask(corrected=...)``), and is the ground truth of its image.
"""

from collections.abc import Sequence
from pathlib import Path

from qaclims_mm.errors import DataError
from qaclims_mm.schemas import MANIFEST, Manifest, file_of, hash_config, hash_file, image_id_of
from qaclims_mm.schemas.work_dir import CORRECTED

# what forgets all corrected masks, in the place of a folder
FORGET = 'none'


def corrected_ids(root: Path) -> list[str]:
    """Return the ids of the images of a work dir whose masks were corrected, sorted."""
    return ids_below(root / CORRECTED)


def ids_below(folder: Path) -> list[str]:
    """Return the ids of the images that have a PNG below a folder, sorted."""
    return sorted(image_id_of(p, folder) for p in folder.rglob('*.png'))


def known_classes(root: Path) -> list[str] | None:
    """Return by which classes the corrected masks are numbered; ``None`` if there are none."""
    if not (root / CORRECTED / MANIFEST).is_file():
        return None
    classes = Manifest.read(root / CORRECTED).extra.get('classes')
    return [str(name) for name in classes] if isinstance(classes, list) else []


def check_classes(root: Path, classes: Sequence[str]) -> None:
    """Refuse to add to masks whose values have other meanings.

    Raises:
        DataError: If the corrected masks of the work dir are numbered by other classes.
    """
    known = known_classes(root)
    if known is not None and list(classes[: len(known)]) != known:
        raise DataError(
            f'the masks in {root / CORRECTED} are numbered by other classes than those of this '
            f'run; forget them with --corrected {FORGET}, then give all corrected masks again.'
        )


def write_manifest(folder: Path, classes: Sequence[str]) -> None:
    """Write the manifest of a folder of corrected masks: their hashes, and the classes."""
    ids = ids_below(folder)
    hashes = {i: hash_file(file_of(folder, i, '.png')) for i in ids}
    extra = dict(classes=list(classes), masks=hashes)
    config = hash_config(dict(classes=list(classes)))
    Manifest(CORRECTED, config, counts=dict(images=len(ids), failed=0), extra=extra).write(folder)
