"""Hashes by which a run knows from what the files in its folder are made."""

import hashlib
from collections.abc import Iterable, Sequence

from qaclims_mm.engine.protocols import StageReader
from qaclims_mm.schemas import manifest_hash


def hash_image_ids(image_ids: Sequence[str]) -> str:
    """Return the hash of a list of images."""
    return hashlib.sha256('\n'.join(image_ids).encode()).hexdigest()


def hashes_of_inputs(transforms: Iterable[object]) -> dict[str, str]:
    """Return {class of a transform: hash of the stage that it reads}.

    Raises:
        FormatError: If such a stage has not finished.
    """
    return {
        type(transform).__name__: manifest_hash(transform.input_folder)
        for transform in transforms
        if isinstance(transform, StageReader) and transform.input_folder is not None
    }
