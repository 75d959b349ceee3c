"""Remarks on images, kept beside their files until the manifest takes them."""

import contextlib
import hashlib
from pathlib import Path

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import MANIFEST, Manifest, read_json, write_json

FOLDER = '.remarks'


class RemarkNotes:
    """Notes one file for each image with a remark, so that a resumed run has those of all runs.

    Args:
        folder: Folder of the images' files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def restore(self) -> None:
        """Note the remarks of the manifest again, because a finished run may be extended."""
        if not (self.folder / MANIFEST).is_file():
            return
        # a broken manifest is written anew at the end
        with contextlib.suppress(FormatError):
            for image_id, remark in _pairs(Manifest.read(self.folder).extra.get('remarks')).items():
                if not self._path_of(image_id).is_file():
                    self.note(image_id, remark)

    def note(self, image_id: str, remark: str) -> None:
        """Write the remark on an image before its file is written; '' removes an earlier one.

        Args:
            image_id: Id of the image.
            remark: Remark of the model.
        """
        path = self._path_of(image_id)
        if remark:
            write_json(path, [[image_id, remark]])
        else:
            path.unlink(missing_ok=True)

    def read(self) -> dict[str, str]:
        """Return all remarks, {image_id: remark}.

        Raises:
            FormatError: If a note is broken.
        """
        found: dict[str, str] = {}
        for path in sorted(self._place.glob('*.json')):
            found |= _pairs(read_json(path))
        return dict(sorted(found.items()))

    def clear(self) -> None:
        """Remove the notes, because the manifest has them."""
        for path in self._place.glob('*.json'):
            path.unlink(missing_ok=True)
        # an image folder may have this name too
        with contextlib.suppress(OSError):
            self._place.rmdir()

    @property
    def _place(self) -> Path:
        return self.folder / FOLDER

    def _path_of(self, image_id: str) -> Path:
        return self._place / f'{hashlib.sha256(image_id.encode()).hexdigest()[:32]}.json'


def _pairs(value: object) -> dict[str, str]:
    """Return {image_id: remark} of a list of pairs; {} of something else."""
    pairs = value if isinstance(value, list) else []
    if not all(isinstance(p, list) and [type(v) for v in p] == [str, str] for p in pairs):
        return {}
    return dict(pairs)
