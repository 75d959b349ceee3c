"""Draw images and masks for a page, with the legend of their colours."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from qaclims_mm.report.blocks import Picture
from qaclims_mm.schemas import IGNORE_INDEX, drawn_name, resize_mask
from qaclims_mm.schemas.names import LONGEST_SHOWN
from qaclims_mm.visualization.colours import page_colours
from qaclims_mm.visualization.overlays import outline_mask

# longest side of a picture in pixels; two pictures side by side fill the screen of a phone
SIDE, QUALITY = 360, 82


def mask_picture(image: np.ndarray, mask: np.ndarray, name: str, caption: str) -> Picture:
    """Return a mask on its photograph.

    Args:
        image: Photograph, RGB uint8, ``(H, W, 3)``.
        mask: Mask, of any size.
        name: Name of the image.
        caption: Name of the stage or choice that made the mask.
    """
    mask = resize_mask(mask, (image.shape[0], image.shape[1]))
    shown = outline_mask(image, mask)
    return jpeg_picture(shown, f'Mask of {caption} on {name}', caption)


def small_image(image: np.ndarray) -> np.ndarray:
    """Return an image at most ``SIDE`` pixels wide and high."""
    picture = Image.fromarray(image)
    picture.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(picture)


def jpeg_picture(image: np.ndarray, alt: str, caption: str) -> Picture:
    """Return an image as a block of a page.

    Args:
        image: RGB uint8, ``(H, W, 3)``.
        alt: Description for readers who cannot see the picture.
        caption: Caption below the picture.
    """
    file = io.BytesIO()
    Image.fromarray(image).save(file, format='JPEG', quality=QUALITY)
    height, width = image.shape[:2]
    return Picture(file.getvalue(), 'image/jpeg', (width, height), alt, caption)


def legend_of(values: set[int], classes: Sequence[str]) -> list[tuple[str, tuple[int, int, int]]]:
    """Return the names and colours of the values of masks, without the background."""
    palette = page_colours()
    names = {IGNORE_INDEX: 'does not count'}
    names |= {v: classes[v - 1] for v in values if 0 < v <= len(classes) and v != IGNORE_INDEX}
    return [
        (drawn_name(names.get(v, f'value {v}'), LONGEST_SHOWN), tuple(palette[v % 256].tolist()))
        for v in sorted(values)
        if v
    ]
