"""A figure on which pictures, texts and a legend are placed in inches."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextToPath

from qaclims_mm.schemas import drawn_name
from qaclims_mm.visualization.overlays import HEAT

POINTS_PER_INCH = 72
# names and colours of a legend: ``(name, (red, green, blue))``, each colour in 0..255
Legend = Sequence[tuple[str, tuple[int, int, int]]]
# points
TEXT_SIZE, LEGEND_SIZE = 7.0, 7.5
# characters of a name or a text, at most
LONGEST_TEXT = 80
# how much wider letters are drawn than they are measured
DRAWN = 1.04
# inches: a line of the legend, a patch, from it to its name, between entries, the colour bar
LEGEND_LINE, _PATCH, _NEAR, _BETWEEN, _BAR = 0.19, 0.12, 0.05, 0.16, 1.1
_BAR_STEPS = 64


def text_width(text: str, size: float) -> float:
    """Return how wide a text is drawn, in inches."""
    font = FontProperties(size=size)
    width, _, _ = TextToPath().get_text_width_height_descent(text, font, ismath=False)
    return width / POINTS_PER_INCH


def wrap_texts(texts: Iterable[str], width: float, size: float = TEXT_SIZE) -> list[str]:
    """Join texts by commas into lines; a text is broken only where it is wider than a line.

    Args:
        texts: What to write, each cut where it is longer than ``LONGEST_TEXT``; doubles are left
            out.
        width: Of a line, in inches.
        size: Of the letters, in points.
    """
    distinct = list(dict.fromkeys(drawn_name(text, LONGEST_TEXT) for text in texts))
    marked = [f'{text},' for text in distinct[:-1]] + distinct[-1:]
    lines: list[str] = []
    for part in (p for text in marked for p in _parts(text, width, size)):
        if lines and text_width(f'{lines[-1]} {part}', size) <= width:
            lines[-1] += f' {part}'
        else:
            lines.append(part)
    return lines


def _parts(text: str, width: float, size: float) -> list[str]:
    """Return a text whole if it fits into a line, else its words, else pieces of its words."""
    if text_width(text, size) <= width or len(text) == 1:
        return [text]
    words = text.split()
    if len(words) > 1:
        return [part for word in words for part in _parts(word, width, size)]
    middle = len(text) // 2
    return [*_parts(text[:middle], width, size), *_parts(text[middle:], width, size)]


class SheetPage:
    """A figure on which things are placed in inches from its upper left corner."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height), dpi=200, facecolor='white')

    def picture(self, x: float, y: float, width: float, height: float, image: np.ndarray) -> None:
        """Show an image in the middle of a box, its aspect kept."""
        bottom = self.height - y - height
        axes = self.figure.add_axes(
            (x / self.width, bottom / self.height, width / self.width, height / self.height)
        )
        axes.imshow(image, interpolation='nearest')
        axes.set_axis_off()

    def text(self, x: float, y: float, text: str, size: float, **style: Any) -> None:
        """Write a text, its middle at ``x`` and its top at ``y`` if the style says no other."""
        place = x / self.width, 1 - y / self.height
        self.figure.text(
            *place,
            text,
            fontsize=size,
            # names from disk may hold dollars
            parse_math=False,
            usetex=False,
            **dict(ha='center', va='top', ma='center') | style,
        )

    def patch(self, x: float, y: float, width: float, height: float, **style: Any) -> None:
        """Draw a rectangle; its colours are those of matplotlib."""
        place = x / self.width, 1 - (y + height) / self.height
        size = width / self.width, height / self.height
        style |= dict(transform=self.figure.transFigure, figure=self.figure)
        self.figure.add_artist(Rectangle(place, *size, **style))


class SheetLegend:
    """A colour bar of activations and the colours of masks, in lines below a sheet.

    Args:
        legend: Names and colours of the values of masks.
        has_maps: Whether the sheet shows activations.
        width: Width of the lines in inches.
    """

    def __init__(self, legend: Legend, has_maps: bool, width: float) -> None:
        self.has_maps = has_maps
        self.lines: list[list[tuple[float, str, tuple[int, int, int]]]] = [[]]
        x = self._bar_width() if has_maps else 0.0
        for name, colour in ((drawn_name(n, LONGEST_TEXT), colour) for n, colour in legend):
            wide = self._entry_width(name)
            if x and x + wide > width:
                self.lines.append([])
                x = 0.0
            self.lines[-1].append((x, name, colour))
            x += wide
        if not has_maps and not legend:
            self.lines = []

    @property
    def width(self) -> float:
        """Width of the widest line in inches."""
        ends = [x + self._entry_width(name) for line in self.lines for x, name, _ in line]
        return max([*ends, self._bar_width() if self.has_maps else 0.0])

    @property
    def height(self) -> float:
        """Height of all lines in inches."""
        return LEGEND_LINE * len(self.lines)

    def draw(self, page: SheetPage, left: float, top: float) -> None:
        """Draw the lines on a page, from their upper left corner in inches."""
        if self.has_maps:
            self._draw_bar(page, left, top)
        for number, line in enumerate(self.lines):
            y = top + LEGEND_LINE * number
            for x, name, (red, green, blue) in line:
                colour = (red / 255, green / 255, blue / 255)
                style = dict(facecolor=colour, edgecolor='#666666', linewidth=0.4)
                page.patch(left + x, y, _PATCH, _PATCH, **style)
                self._write(page, left + x + _PATCH + _NEAR, y, name)

    @staticmethod
    def _entry_width(name: str) -> float:
        return _PATCH + _NEAR + DRAWN * text_width(name, LEGEND_SIZE) + _BETWEEN

    @staticmethod
    def _bar_width() -> float:
        ends = text_width('activation 0', LEGEND_SIZE) + text_width('1', LEGEND_SIZE)
        return ends + _BAR + 2 * _NEAR + 2 * _BETWEEN

    def _draw_bar(self, page: SheetPage, left: float, top: float) -> None:
        self._write(page, left, top, 'activation 0')
        x = left + text_width('activation 0', LEGEND_SIZE) + _NEAR
        step = _BAR / _BAR_STEPS
        for number, colour in enumerate(colormaps[HEAT](np.linspace(0, 1, _BAR_STEPS))):
            # each one reaches below the next one, so that no line is seen between them
            wide = min(2 * step, _BAR - number * step)
            page.patch(x + number * step, top, wide, _PATCH, facecolor=colour, linewidth=0)
        self._write(page, x + _BAR + _NEAR, top, '1')

    @staticmethod
    def _write(page: SheetPage, x: float, top: float, text: str) -> None:
        page.text(x, top + _PATCH / 2, text, LEGEND_SIZE, ha='left', va='center_baseline')
