"""The newest mask of each image, for people to correct."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from qaclims_mm.errors import FormatError
from qaclims_mm.review.images import ImageSizes
from qaclims_mm.review.sources import MaskSource
from qaclims_mm.schemas import file_of, resize_mask, write_mask


def write_newest(
    folder: Path, paths: Mapping[str, str], sources: Sequence[MaskSource], oriented: bool
) -> list[str]:
    """Write the newest mask of each image at the size of its file; returns the ids of the images.

    Args:
        folder: Folder of the masks.
        paths: {image_id: file}.
        sources: Stages that may have masks, the newest last.
        oriented: Whether images are turned as their EXIF data say.
    """
    sizes, written = ImageSizes(paths, oriented), []
    for image_id in paths:
        mask = _newest(image_id, sources)
        if mask is not None:
            size = sizes[image_id]
            # maps are of an image that was made smaller
            full = mask if mask.shape == size else resize_mask(mask, size)
            write_mask(file_of(folder, image_id, '.png'), full)
            written.append(image_id)
    return written


def _newest(image_id: str, sources: Sequence[MaskSource]) -> np.ndarray | None:
    for source in reversed(sources):
        with suppress(FormatError):
            mask = source.read(image_id)
            if mask is not None:
                return mask
    return None
