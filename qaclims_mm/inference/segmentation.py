"""One image with its mask, as a segmentor returns it and a notebook shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from qaclims_mm.datasets.read_image import read_image
from qaclims_mm.inference.markup import SHOWN_SIDE, escaped, picture_html
from qaclims_mm.schemas import IGNORE_INDEX, resize_mask
from qaclims_mm.schemas.names import shown_text
from qaclims_mm.visualization.colours import page_colours
from qaclims_mm.visualization.overlays import overlay_mask


@dataclass(frozen=True, repr=False)
class Segmentation:
    """Mask of an image.

    Attributes:
        image: File, or RGB uint8 ``(H, W, 3)``.
        mask: Uint8 ``(H, W)``, uint16 where a value is above 255, at the size of the file: 0
            background, k + 1 classes.
        classes: Names of the values from 0 on.
        reading: Options with which the file is read.
    """

    image: Path | np.ndarray
    mask: np.ndarray
    classes: tuple[str, ...]
    reading: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def areas(self) -> dict[int, int]:
        """Pixels of each value that occurs, the smallest value first."""
        return count_values(self.mask)

    def name_of(self, value: int) -> str:
        """Return the name of a mask's value."""
        if value < len(self.classes) and value != IGNORE_INDEX:
            return self.classes[value]
        return 'ignored' if value == IGNORE_INDEX else f'value {value}'

    def overlay(self, max_side: int | None = None, pixels: np.ndarray | None = None) -> np.ndarray:
        """Return the mask laid over the image, RGB uint8.

        Args:
            max_side: Longest side in pixels; by default that of the file.
            pixels: Those of the file where they are at hand, so that it is not read again.
        """
        image, (height, width) = self.image if pixels is None else pixels, self.mask.shape
        factor = min(1.0, (max_side or max(height, width)) / max(height, width))
        size = max(1, round(height * factor)), max(1, round(width * factor))
        if not isinstance(image, np.ndarray):
            image, _ = read_image(image, **{**self.reading, 'max_side': max(size)})
        if image.shape[:2] != size:
            seen = Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR)
            image = np.asarray(seen)
        mask = self.mask if size == self.mask.shape else resize_mask(self.mask, size)
        return overlay_mask(image, mask)

    def __repr__(self) -> str:
        height, width = self.mask.shape
        image = 'an array' if isinstance(self.image, np.ndarray) else shown_text(self.image)
        areas = ', '.join(
            f'{shown_text(self.name_of(value))} {100 * pixels / self.mask.size:.1f} %'
            for value, pixels in self.areas.items()
        )
        return f'<Segmentation of {image}, {width} x {height} px: {areas}>'

    def _repr_html_(self) -> str:
        """Return the overlay with a legend, for a notebook."""
        name = '' if isinstance(self.image, np.ndarray) else escaped(str(self.image))
        picture = picture_html(self.overlay(SHOWN_SIDE), name)
        total, colours = self.mask.size, page_colours().tolist()
        rows = ''.join(
            f'<li><span style="display:inline-block;width:1em;height:1em;margin-right:.5em;'
            f'background:rgb{tuple(colours[value % 256])}"></span>'
            f'{escaped(self.name_of(value))} {100 * pixels / total:.1f} %</li>'
            for value, pixels in self.areas.items()
        )
        return (
            f'<figure>{picture}<figcaption>{name}'
            f'<ul style="list-style:none;padding:0">{rows}</ul></figcaption></figure>'
        )


def count_values(mask: np.ndarray) -> dict[int, int]:
    """Return {value: pixels} of the values that a mask has, the smallest value first.

    Args:
        mask: Uint8 or uint16 ``(H, W)``.
    """
    counts = np.zeros(np.iinfo(mask.dtype).max + 1, np.int64)
    # in strips, since numpy counts 64-bit numbers
    for start in range(0, len(mask), 256):
        counts += np.bincount(mask[start : start + 256].ravel(), minlength=len(counts))
    [found] = np.nonzero(counts)
    return {int(value): int(counts[value]) for value in found}
