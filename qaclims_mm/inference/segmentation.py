"""One image with its mask, as a segmentor returns it and a notebook shows it."""

import base64
import html
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from qaclims_mm.datasets.read_image import read_image
from qaclims_mm.schemas import IGNORE_INDEX, resize_mask
from qaclims_mm.schemas.names import LONGEST_SHOWN, drawn_name
from qaclims_mm.visualization.overlays import overlay_mask

# longest side of a picture in a notebook, in pixels
SHOWN_SIDE = 640


@dataclass(frozen=True)
class Segmentation:
    """Mask of an image.

    Attributes:
        image: File, or RGB uint8 ``(H, W, 3)``.
        mask: Uint8 ``(H, W)``, uint16 where a value is above 255, at the size of the file: 0
            background, k + 1 classes.
        classes: Names of the values from 0 on.
        palette: RGB colours of the values from 0 on.
        reading: Options with which the file is read.
    """

    image: Path | np.ndarray
    mask: np.ndarray
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    reading: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def areas(self) -> dict[int, int]:
        """Pixels of each value that occurs, the smallest value first."""
        values, counts = np.unique(self.mask, return_counts=True)
        return dict(zip(values.tolist(), counts.tolist(), strict=True))

    def name_of(self, value: int) -> str:
        """Return the name of a mask's value."""
        if value < len(self.classes) and value != IGNORE_INDEX:
            return self.classes[value]
        return 'ignored' if value == IGNORE_INDEX else f'value {value}'

    def overlay(self, max_side: int | None = None) -> np.ndarray:
        """Return the mask laid over the image, RGB uint8.

        Args:
            max_side: Longest side in pixels; by default that of the file.
        """
        image, (height, width) = self.image, self.mask.shape
        factor = min(1.0, (max_side or max(height, width)) / max(height, width))
        size = max(1, round(height * factor)), max(1, round(width * factor))
        if not isinstance(image, np.ndarray):
            image, _ = read_image(image, **{**self.reading, 'max_side': max(size)})
        seen = Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR)
        return overlay_mask(np.asarray(seen), resize_mask(self.mask, size))

    def _repr_html_(self) -> str:
        """Return the overlay with a legend, for a notebook."""
        file = io.BytesIO()
        Image.fromarray(self.overlay(SHOWN_SIDE)).save(file, format='PNG')
        picture = base64.b64encode(file.getvalue()).decode()
        name = '' if isinstance(self.image, np.ndarray) else _escaped(str(self.image))
        total = self.mask.size
        rows = ''.join(
            f'<li><span style="display:inline-block;width:1em;height:1em;margin-right:.5em;'
            f'background:rgb{self._colour(value)}"></span>'
            f'{_escaped(self.name_of(value))} {100 * pixels / total:.1f} %</li>'
            for value, pixels in self.areas.items()
        )
        return (
            f'<figure><img alt="{name}" src="data:image/png;base64,{picture}">'
            f'<figcaption>{name}<ul style="list-style:none;padding:0">{rows}</ul></figcaption>'
            '</figure>'
        )

    def _colour(self, value: int) -> tuple[int, int, int]:
        return self.palette[value % len(self.palette)]


def _escaped(name: str) -> str:
    return html.escape(drawn_name(name, LONGEST_SHOWN))
