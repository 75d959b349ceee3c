"""Sheets in the manner of the paper's figure 3: images, maps and texts side by side."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath
from PIL import Image

from qaclims_mm.errors import DataError
from qaclims_mm.schemas import atomic_path, drawn_name
from qaclims_mm.visualization.overlays import overlay_cam, overlay_mask

FG_COLOUR, BG_COLOUR = '#1a7f37', '#c62828'
# Inches: between cells, around the sheet, a line of text; the width of a line of row label.
GAP, MARGIN, LINE, LABEL_LINE = 0.05, 0.06, 0.135, 0.17
TEXT_SIZE, LABEL_SIZE = 7.0, 8.5
# characters of a name or a text, at most
LONGEST_TEXT = 80
POINTS_PER_INCH = 72
# how much wider letters are drawn than they are measured, and bold ones
DRAWN, BOLD = 1.04, 1.15
# Width over height of a column, at least and at most; an image beyond is shown smaller.
ASPECTS = (0.6, 2.0)


@dataclass(frozen=True)
class SheetColumn:
    """One image and one of its classes.

    Attributes:
        image: RGB uint8, ``(H, W, 3)``.
        class_name: The class.
        mask: Ground truth, uint8 ``(H, W)``, or ``None``.
        cams: {name of the row: activations in [0, 1], ``(H, W)``}.
        fg: Foreground answers.
        bg: Background answers.
        made: {name of the row: masks that a method made, uint8 ``(H, W)``}.
    """

    image: np.ndarray
    class_name: str
    mask: np.ndarray | None
    cams: Mapping[str, np.ndarray]
    fg: Sequence[str] = ()
    bg: Sequence[str] = ()
    made: Mapping[str, np.ndarray] = field(default_factory=dict)


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


def draw_cam_sheet(columns: Sequence[SheetColumn], side: float = 1.5) -> Figure:
    """Draw image, ground truth, the maps and masks of each method, and the texts.

    Args:
        columns: At least one; all with the same rows of maps and masks.
        side: Inches, the height of an image; its width follows from its aspect.

    Raises:
        ValueError: If there is no column, or the columns have other rows.
    """
    if not columns:
        raise ValueError('a sheet needs at least one column, but got none.')
    names = [*columns[0].cams, *columns[0].made]
    if any([*c.cams, *c.made] != names for c in columns):
        raise ValueError(f'all columns must have the maps and masks {names}, in this order.')
    truth = any(c.mask is not None for c in columns)
    rows = ['image', *(['ground truth'] if truth else []), *names]
    labels = ['\n'.join(wrap_texts([name], side, LABEL_SIZE)) for name in rows]
    widths = [
        side * float(np.clip(w / h, *ASPECTS)) for h, w in (c.image.shape[:2] for c in columns)
    ]
    texts = [_lines_of(c, width) for c, width in zip(columns, widths, strict=True)]
    left = MARGIN + LABEL_LINE * max(1 + label.count('\n') for label in labels) + GAP
    below = MARGIN + len(rows) * (side + GAP) + GAP
    page = _Page(
        left + sum(widths) + GAP * (len(columns) - 1) + MARGIN,
        below + LINE * max(len(lines) for lines in texts) + MARGIN,
    )
    for row, label in enumerate(labels):
        middle = MARGIN + row * (side + GAP) + side / 2
        page.text(left - GAP, middle, label, LABEL_SIZE, rotation=90, ha='right', va='center')
    x = left
    for column, width, lines in zip(columns, widths, texts, strict=True):
        for row, picture in enumerate(_pictures(column, truth)):
            if picture is not None:
                page.picture(x, MARGIN + row * (side + GAP), width, side, picture)
        for number, (line, style) in enumerate(lines):
            page.text(x + width / 2, below + LINE * number, line, TEXT_SIZE, **style)
        x += width + GAP
    return page.figure


class _Page:
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


def _pictures(column: SheetColumn, truth: bool) -> list[np.ndarray | None]:
    """Return what the rows show of a column; ``None`` stays empty."""
    mask = None if column.mask is None else overlay_mask(column.image, column.mask)
    maps = [overlay_cam(column.image, cam) for cam in column.cams.values()]
    masks = [overlay_mask(column.image, made) for made in column.made.values()]
    return [column.image, *([mask] if truth else []), *maps, *masks]


def _lines_of(column: SheetColumn, width: float) -> list[tuple[str, dict[str, str]]]:
    """Return the class in bold, foreground answers green, background answers red."""
    name = wrap_texts([column.class_name], width / BOLD)
    lines: list[tuple[str, dict[str, str]]] = [(line, dict(weight='bold')) for line in name]
    for texts, colour in ((column.fg, FG_COLOUR), (column.bg, BG_COLOUR)):
        lines += [(line, dict(color=colour)) for line in wrap_texts(texts, width / DRAWN)]
    return lines


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure as PNG, whole or not at all."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format='png')
    return Path(path)


def figure_to_array(figure: Figure) -> np.ndarray:
    """Return a figure as RGB uint8 ``(H, W, 3)``."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def fit_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a mask at the size that its image is read with, by the nearest pixels.

    Raises:
        ValueError: If its aspect is another one.
    """
    if mask.shape == tuple(size):
        return mask
    (height, width), (rows, columns) = size, mask.shape
    # a side was rounded to whole pixels
    if abs(height * columns - width * rows) > max(rows, columns):
        raise ValueError(f'a mask of {mask.shape} is not of an image of {tuple(size)}.')
    # of 32 bits, since a class may be above a byte
    image = Image.fromarray(mask.astype(np.int32))
    return np.asarray(image.resize((width, height), Image.Resampling.NEAREST))


def load_column(
    image: np.ndarray,
    label: int,
    class_name: str,
    cams: Mapping[str, Any],
    mask: np.ndarray | None,
    answers: Iterable[dict[str, Any]] = (),
    made: Mapping[str, np.ndarray] | None = None,
    name: str = '',
) -> SheetColumn:
    """Collect what there is about one class of one image.

    Args:
        image: RGB uint8 ``(H, W, 3)``, as stages read it.
        label: Class index k.
        class_name: Its name.
        cams: {row name: ``schemas.Cams``}.
        mask: Ground truth or ``None``; it may have the size of a larger file.
        answers: Corpus rows of the image.
        made: {row name: a mask that a method made}, of either size.
        name: Of the image, for messages.

    Raises:
        DataError: If maps or masks are of another image.
    """
    size = image.shape[:2]
    maps = {}
    for title, found in cams.items():
        rows = np.flatnonzero(found.class_indices == label)
        # a copy: a view would hold the maps of all classes
        maps[title] = found.high_res[rows[0]].copy() if len(rows) else np.zeros(found.size)
        if maps[title].shape != size:
            raise DataError(
                f'{title} has size {maps[title].shape} for {name}, which is read with {size}; they '
                'are of different images or scales.'
            )
    masks = {**(made or {}), **({} if mask is None else {'the mask': mask})}
    for title, shown in masks.items():
        try:
            masks[title] = fit_mask(shown, size)
        except ValueError as error:
            raise DataError(f'{title} of {name}: {error}') from error
    truth = masks.pop('the mask', None)
    own = [r for r in answers if r['class_name'] == class_name]
    texts = {kind: [r['text'] for r in own if r['kind'] == kind] for kind in ('fg', 'bg')}
    return SheetColumn(image, class_name, truth, maps, texts['fg'], texts['bg'], masks)
