"""Small pictures of masks on their photographs, as files, and how good each mask is."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from qaclims_mm.datasets.read_image import UNREADABLE
from qaclims_mm.errors import FormatError, RecordError
from qaclims_mm.review.counting import class_ious
from qaclims_mm.review.sources import MaskSource
from qaclims_mm.schemas import read_mask, resize_mask
from qaclims_mm.visualization.overlays import outline_mask

# longest side in pixels, and quality of the JPEG
SIDE, QUALITY = 224, 78
SUFFIX = '.jpg'


class Wanted(NamedTuple):
    """An image of which a thumbnail is made.

    Attributes:
        number: Its number, the name of the file.
        image_id: Its id.
        img_path: Its file.
        truth: File of its ground truth mask, or '' if there is none.
    """

    number: int
    image_id: str
    img_path: str
    truth: str


class Thumbnail(NamedTuple):
    """What was made of an image.

    Attributes:
        number: As in ``Wanted``.
        file: Name of the picture, or '' if it has none.
        ious: {class index k: IoU with the ground truth in [0, 1]}; ``None`` without ground truth.
        values: Values of the mask.
    """

    number: int
    file: str
    ious: dict[int, float] | None
    values: frozenset[int]


def make_thumbnail(
    wanted: Wanted, folder: Path, source: MaskSource, read: Callable[[str], tuple[np.ndarray, Any]]
) -> Thumbnail:
    """Write the picture of an image and its mask, and compare the mask with the ground truth.

    An image or a mask that cannot be read costs the picture, not the others.

    Args:
        wanted: The image.
        folder: Where the picture is written.
        source: Stage that made the mask.
        read: Reads an image file, RGB uint8 ``(H, W, 3)`` first.
    """
    mask, ious = None, None
    # a broken ground truth does not hide the mask
    with contextlib.suppress(FormatError):
        mask = source.read(wanted.image_id)
        ious = _ious_of(mask, wanted.truth)
    values = frozenset() if mask is None else frozenset(np.unique(mask).tolist())
    try:
        image = Image.fromarray(read(wanted.img_path)[0])
    except (RecordError, ValueError, *UNREADABLE):
        return Thumbnail(wanted.number, '', ious, values)
    image.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2)
    pixels = np.asarray(image)
    if mask is not None:
        size = pixels.shape[0], pixels.shape[1]
        pixels = outline_mask(pixels, resize_mask(mask, size))
    name = f'{wanted.number:06d}{SUFFIX}'
    Image.fromarray(pixels).save(folder / name, quality=QUALITY, optimize=True)
    return Thumbnail(wanted.number, name, ious, values)


def _ious_of(mask: np.ndarray | None, truth: str) -> dict[int, float] | None:
    """Return {class index k: IoU} of a mask with the ground truth, if there are both."""
    if mask is None or not truth or not Path(truth).is_file():
        return None
    return class_ious(mask, read_mask(truth))
