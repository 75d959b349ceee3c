"""Sheets in the manner of the paper's figure 3: images, maps and texts side by side."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from qaclims_mm.schemas import atomic_path, voc_palette

FG_COLOUR, BG_COLOUR = '#1a7f37', '#c62828'


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
    """

    image: np.ndarray
    class_name: str
    mask: np.ndarray | None
    cams: Mapping[str, np.ndarray]
    fg: Sequence[str] = ()
    bg: Sequence[str] = ()


def overlay_cam(image: np.ndarray, cam: np.ndarray, alpha: float = 0.55) -> np.ndarray:
    """Lay a heat map over an image; RGB uint8 ``(H, W, 3)``."""
    from matplotlib import colormaps

    heat = colormaps['jet'](np.clip(cam, 0, 1))[..., :3] * 255
    return (image * (1 - alpha) + heat * alpha).astype(np.uint8)


def overlay_mask(image: np.ndarray, mask: np.ndarray, alpha: float = 0.65) -> np.ndarray:
    """Lay a mask in VOC's colours over an image; the background stays as it is."""
    colours = np.array(voc_palette(), dtype=np.float32).reshape(256, 3)[mask]
    weight = alpha * (mask > 0)[..., None]
    return (image * (1 - weight) + colours * weight).astype(np.uint8)


def draw_cam_sheet(columns: Sequence[SheetColumn], side: float = 1.5) -> Figure:
    """Draw image, ground truth, the maps of each method, and the texts.

    Args:
        columns: At least one; all with the same rows of maps.
        side: Inches an image.

    Raises:
        ValueError: If there is no column.
    """
    if not columns:
        raise ValueError('a sheet needs at least one column, but got none.')
    names = list(columns[0].cams)
    truth = columns[0].mask is not None
    rows = ['image', *(['ground truth'] if truth else []), *names]
    texts = 1.55
    height = side * (len(rows) + texts)
    figure = Figure(figsize=(side * len(columns) + 0.9, height), dpi=130, facecolor='white')
    grid = figure.add_gridspec(
        len(rows) + 1,
        len(columns),
        height_ratios=[1] * len(rows) + [texts],
        left=0.9 / (side * len(columns) + 0.9),
        right=0.995,
        top=0.995,
        bottom=0.0,
        wspace=0.03,
        hspace=0.03,
    )
    for index, column in enumerate(columns):
        pictures = [column.image]
        if truth and column.mask is not None:
            pictures.append(overlay_mask(column.image, column.mask))
        pictures += [overlay_cam(column.image, column.cams[n]) for n in names]
        for row, picture in enumerate(pictures):
            axes = figure.add_subplot(grid[row, index])
            axes.imshow(picture, interpolation='nearest')
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            if index == 0:
                axes.set_ylabel(rows[row], fontsize=8)
        _write_texts(figure.add_subplot(grid[len(rows), index]), column)
    return figure


def _write_texts(axes: Any, column: SheetColumn) -> None:
    """Write the class in bold, foreground answers green, background answers red."""
    axes.axis('off')
    lines: list[tuple[str, dict[str, str]]] = [(column.class_name, dict(weight='bold'))]
    for texts, colour in ((column.fg, FG_COLOUR), (column.bg, BG_COLOUR)):
        joined = ', '.join(dict.fromkeys(texts))
        lines += [(line, dict(color=colour)) for line in textwrap.wrap(joined, 24)[:6]]
    for number, (line, style) in enumerate(lines):
        axes.text(
            0.5, 0.98 - 0.088 * number, line, ha='center', va='top', fontsize=6.5, **style,
            transform=axes.transAxes,
        )  # fmt: skip


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure as PNG, whole or not at all."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format='png')
    return Path(path)


def load_column(
    image_path: str | Path,
    label: int,
    class_name: str,
    cams: Mapping[str, Any],
    mask: np.ndarray | None,
    answers: Iterable[dict[str, Any]] = (),
) -> SheetColumn:
    """Collect what is on disk about one class of one image.

    Args:
        image_path: The image.
        label: Class index k.
        class_name: Its name.
        cams: {row name: ``schemas.Cams``}.
        mask: Ground truth or ``None``.
        answers: Corpus rows of the image.
    """
    with Image.open(image_path) as image:
        pixels = np.asarray(image.convert('RGB'))
    maps = {}
    for name, found in cams.items():
        rows = np.flatnonzero(found.keys == label)
        maps[name] = found.high_res[rows[0]] if len(rows) else np.zeros(found.size)
    own = [r for r in answers if r['class_name'] == class_name]
    texts = {kind: [r['text'] for r in own if r['kind'] == kind] for kind in ('fg', 'bg')}
    return SheetColumn(pixels, class_name, mask, maps, texts['fg'], texts['bg'])
