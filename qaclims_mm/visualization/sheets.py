"""Sheets in the manner of the paper's figure 3: images, maps and texts side by side."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from qaclims_mm.errors import DataError
from qaclims_mm.schemas import atomic_path
from qaclims_mm.visualization.overlays import outline_mask, overlay_cam
from qaclims_mm.visualization.sheet_page import (
    DRAWN,
    TEXT_SIZE,
    Legend,
    SheetLegend,
    SheetPage,
    wrap_texts,
)

FG_COLOUR, BG_COLOUR = '#1a7f37', '#c62828'
# Inches: between cells, around the sheet, a line of text; the width of a line of row label.
GAP, MARGIN, LINE, LABEL_LINE = 0.05, 0.06, 0.135, 0.17
# pixels of an inch that a picture has at most
DPI = 200
LABEL_SIZE = 8.5
# how much wider bold letters are drawn than they are measured
BOLD = 1.15
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


def draw_cam_sheet(
    columns: Sequence[SheetColumn], side: float = 1.5, legend: Legend = ()
) -> Figure:
    """Draw image, ground truth, the maps and masks of each method, the texts and a legend.

    Args:
        columns: At least one; all with the same rows of maps and masks.
        side: Inches, the height of an image; its width follows from its aspect.
        legend: Names and colours of the values of masks; see ``values_of``.

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
    right = left + sum(widths) + GAP * (len(columns) - 1)
    end = below + LINE * max(len(lines) for lines in texts) + MARGIN
    colours = SheetLegend(legend, bool(columns[0].cams), right - left)
    wide = max(right, left + colours.width) + MARGIN
    page = SheetPage(wide, end + (colours.height + MARGIN if colours.lines else 0))
    colours.draw(page, left, end)
    for row, label in enumerate(labels):
        middle = MARGIN + row * (side + GAP) + side / 2
        page.text(left - GAP, middle, label, LABEL_SIZE, rotation=90, ha='right', va='center')
    x = left
    for column, width, lines in zip(columns, widths, texts, strict=True):
        for row, picture in enumerate(_pictures(_at_most(column, side), truth)):
            if picture is not None:
                page.picture(x, MARGIN + row * (side + GAP), width, side, picture)
        for number, (line, style) in enumerate(lines):
            page.text(x + width / 2, below + LINE * number, line, TEXT_SIZE, **style)
        x += width + GAP
    return page.figure


def values_of(columns: Iterable[SheetColumn]) -> set[int]:
    """Return the values of all masks of columns, without the background."""
    masks = [m for c in columns for m in (c.mask, *c.made.values()) if m is not None]
    return {int(value) for mask in masks for value in np.unique(mask) if value}


def _at_most(column: SheetColumn, side: float) -> SheetColumn:
    """Return a column that is no higher than its pictures are drawn, so that no line is lost."""
    height, width = column.image.shape[:2]
    rows = round(side * DPI)
    if height <= rows:
        return column
    size = max(round(width * rows / height), 1), rows
    image = cv2.resize(column.image, size, interpolation=cv2.INTER_AREA)
    masks = {
        name: cv2.resize(mask.astype(np.int32), size, interpolation=cv2.INTER_NEAREST)
        for name, mask in {**column.made, '': column.mask}.items()
        if mask is not None
    }
    cams = {
        name: cv2.resize(cam.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        for name, cam in column.cams.items()
    }
    return replace(column, image=image, mask=masks.pop('', None), cams=cams, made=masks)


def _pictures(column: SheetColumn, truth: bool) -> list[np.ndarray | None]:
    """Return what the rows show of a column; ``None`` stays empty."""

    def outlined(mask: np.ndarray | None) -> np.ndarray | None:
        return None if mask is None else outline_mask(column.image, mask)

    maps = [overlay_cam(column.image, cam) for cam in column.cams.values()]
    masks = [outlined(made) for made in column.made.values()]
    return [column.image, *([outlined(column.mask)] if truth else []), *maps, *masks]


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
