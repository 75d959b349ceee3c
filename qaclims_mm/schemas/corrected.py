"""By which classes a folder of corrected masks is numbered."""

from collections.abc import Sequence
from pathlib import Path

from qaclims_mm.errors import DataError
from qaclims_mm.schemas.manifest import MANIFEST, Manifest
from qaclims_mm.schemas.names import shown_text


def numbering_of(folder: str | Path) -> list[str] | None:
    """Return the classes that number the masks of a folder; ``None`` without a manifest.

    Raises:
        FormatError: If the manifest is broken.
    """
    if not Path(folder, MANIFEST).is_file():
        return None
    classes = Manifest.read(folder).extra.get('classes')
    return [str(name) for name in classes] if isinstance(classes, list) else []


def is_numbered_by(folder: str | Path, classes: Sequence[str]) -> bool:
    """Tell whether the masks of a folder have the values of these classes.

    Classes that came later have values of their own.

    Args:
        folder: Folder of corrected masks, which may be absent.
        classes: Names without the background, in the order of the masks' values.

    Raises:
        FormatError: If the manifest is broken.
    """
    known = numbering_of(folder)
    return known is None or list(classes[: len(known)]) == known


def check_numbering(folder: str | Path, classes: Sequence[str]) -> None:
    """Refuse corrected masks whose values have other meanings.

    Args:
        folder: Folder of corrected masks, which may be absent.
        classes: Names without the background, in the order of the masks' values.

    Raises:
        DataError: If the masks are numbered by other classes.
        FormatError: If the manifest is broken.
    """
    if not is_numbered_by(folder, classes):
        raise DataError(
            f'the masks in {shown_text(folder)} are numbered by other classes than those of this '
            'run; qaclims run with the project or plan of this work dir numbers them anew.'
        )
