"""Drawing in unit coordinates on a supersampled layer."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

SUPERSAMPLING = 3
Colour = tuple[int, int, int]
Point = tuple[float, float]


class Brush:
    """A transparent layer and a box on it; (0, 0) is the box's upper left corner.

    Args:
        size: Side of the picture in pixels.
        box: Left, top, right and bottom of the box as shares of the side.
        flip: Mirror what is drawn in the box.
    """

    def __init__(
        self, size: int, box: tuple[float, float, float, float], flip: bool = False
    ) -> None:
        self.side = size * SUPERSAMPLING
        self.box, self.flip = box, flip
        self.layer = Image.new('RGBA', (self.side, self.side), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self.layer)

    def _at(self, x: float, y: float) -> Point:
        left, top, right, bottom = self.box
        if self.flip:
            x = 1 - x
        return (left + x * (right - left)) * self.side, (top + y * (bottom - top)) * self.side

    def _corners(self, x0: float, y0: float, x1: float, y1: float) -> list[float]:
        (a, b), (c, d) = self._at(x0, y0), self._at(x1, y1)
        return [min(a, c), min(b, d), max(a, c), max(b, d)]

    def poly(self, points: Sequence[Point], colour: Colour) -> None:
        """Fill a polygon."""
        self._draw.polygon([self._at(*p) for p in points], fill=(*colour, 255))

    def rect(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """Fill a rectangle."""
        self._draw.rectangle(self._corners(x0, y0, x1, y1), fill=(*colour, 255))

    def round_rect(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """Fill a rectangle with round corners."""
        corners = self._corners(x0, y0, x1, y1)
        radius = 0.3 * min(corners[2] - corners[0], corners[3] - corners[1])
        self._draw.rounded_rectangle(corners, radius, fill=(*colour, 255))

    def ellipse(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """Fill an ellipse."""
        self._draw.ellipse(self._corners(x0, y0, x1, y1), fill=(*colour, 255))

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Fill a circle; the radius is a share of the box's height."""
        (cx, cy), r = self._at(x, y), radius * (self.box[3] - self.box[1]) * self.side
        self._draw.ellipse([cx - r, cy - r, cx + r, cy + r], fill=(*colour, 255))

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        """Draw a line; the width is a share of the box's height."""
        thickness = max(1, round(width * (self.box[3] - self.box[1]) * self.side))
        self._draw.line(
            [self._at(*p) for p in points], fill=(*colour, 255), width=thickness, joint='curve'
        )

    def finish(self, rng: np.random.Generator, grain: float = 8.0) -> 'Layer':
        """Return what was drawn, lit from above and slightly grainy."""
        k = SUPERSAMPLING
        x0, y0, x1, y1 = self.layer.getbbox() or (0, 0, k, k)
        x0, y0, x1, y1 = x0 // k, y0 // k, -(-x1 // k), -(-y1 // k)
        # premultiplied, so that edges do not pick up the colour of empty pixels
        rgba = np.asarray(self.layer.crop((x0 * k, y0 * k, x1 * k, y1 * k)), dtype=np.float32)
        alpha = rgba[..., 3:] / 255
        small = np.concatenate([rgba[..., :3] * alpha, alpha], axis=-1)
        small = small.reshape(y1 - y0, k, x1 - x0, k, 4).mean((1, 3))
        depth = np.linspace(0, 1, y1 - y0, dtype=np.float32)[:, None, None]
        noise = rng.normal(0, grain, (y1 - y0, x1 - x0, 1)).astype(np.float32)
        small[..., :3] = small[..., :3] * (1.1 - 0.25 * depth) + noise * small[..., 3:]
        return Layer((slice(y0, y1), slice(x0, x1)), small)


class Layer(NamedTuple):
    """Premultiplied float32 RGBA ``(h, w, 4)`` and where it lies in the picture."""

    place: tuple[slice, slice]
    rgba: np.ndarray

    def over(self, picture: np.ndarray) -> None:
        """Lay it over an RGB picture, float32, in place."""
        below = picture[self.place]
        picture[self.place] = below * (1 - self.rgba[..., 3:]) + self.rgba[..., :3]


def vary(rng: np.random.Generator, colour: Colour, spread: int = 22) -> Colour:
    """Return a colour near the given one."""
    shifted = np.array(colour) + rng.integers(-spread, spread + 1, 3)
    r, g, b = (int(v) for v in np.clip(shifted, 0, 255))
    return r, g, b
