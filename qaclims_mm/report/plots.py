"""Plots as pictures of a page: black and coloured on nothing, so that a dark page can invert them.

Units: CSS pixels are 1/96 inch.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from qaclims_mm.report.blocks import Picture
from qaclims_mm.schemas import drawn_name

CSS_DPI = 96
# inches
PLOT_SIZE, SMALL_PLOT = (4.8, 3.2), (2.6, 1.9)
PLOT_DPI, SHEET_DPI = 180, 200
JPEG_QUALITY = 85
# Okabe and Ito's, which the colour-blind tell apart too
COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#666666', '#000000')
STROKES = ('-', '--', '-.', ':')
MAX_LINES = len(COLOURS)
LONGEST_NAME, LONGEST_TITLE = 28, 60
# points from which a curve is smoothed, and the share of them that a mean is taken over
SMOOTHED_FROM, SMOOTHED_SHARE = 20, 0.1
STYLE: dict[Any, Any] = {
    'font.size': 9,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'legend.frameon': False,
    'legend.fontsize': 8,
    # names from disk may hold dollars
    'text.parse_math': False,
    'text.usetex': False,
}

# letters that journals accept and editors can change, and ids that are the same in each run
VECTORS: dict[Any, Any] = {'pdf.fonttype': 42, 'svg.fonttype': 'path', 'svg.hashsalt': 'qaclims'}

# Draws into axes.
Painter = Callable[[Axes], None]


def plot(
    paint: Painter,
    x: str,
    y: str,
    alt: str,
    caption: str,
    size: tuple[float, float] = PLOT_SIZE,
    wide: bool = False,
) -> Picture:
    """Return a plot.

    Args:
        paint: Draws into it.
        x: Label of the axis, with its unit.
        y: The same of the other.
        alt: See ``Picture``.
        caption: See ``Picture``.
        size: Width and height in inches.
        wide: See ``Picture``.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=size, dpi=PLOT_DPI, layout='constrained')
        axes = figure.add_subplot()
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        paint(axes)
        content = io.BytesIO()
        figure.savefig(content, format='png', transparent=True)
        # all files show the same, and a layout takes as long as a drawing
        figure.set_layout_engine('none')
        vectors = vectors_of(figure, transparent=True)
    # a palette is a third of the size and shows no difference
    image = Image.open(content).quantize(128, method=Image.Quantize.FASTOCTREE)
    smaller = io.BytesIO()
    image.save(smaller, format='PNG', optimize=True)
    shown = smaller.getvalue(), 'image/png', css_size(size)
    return Picture(*shown, alt, caption, wide, plot=True, vectors=vectors)


def sheet_picture(figure: Figure, alt: str, caption: str) -> Picture:
    """Return a sheet (see ``visualization.sheets``), which scrolls in its own box."""
    content = io.BytesIO()
    options = dict(quality=JPEG_QUALITY, optimize=True)
    figure.savefig(content, format='jpeg', dpi=SHEET_DPI, pil_kwargs=options)
    width, height = figure.get_size_inches()
    size = css_size((float(width), float(height)))
    shown, vectors = content.getvalue(), vectors_of(figure, dpi=SHEET_DPI)
    return Picture(shown, 'image/jpeg', size, alt, caption, wide=True, vectors=vectors)


def vectors_of(figure: Figure, **options: Any) -> dict[str, bytes]:
    """Return {``pdf`` or ``svg``: file} of a figure; equal figures give equal bytes.

    Args:
        figure: The figure.
        options: Options of ``Figure.savefig``.
    """
    found = {}
    for kind, date in {'pdf': 'CreationDate', 'svg': 'Date'}.items():
        content = io.BytesIO()
        with rc_context(VECTORS):
            figure.savefig(content, format=kind, metadata={date: None}, **options)
        found[kind] = content.getvalue()
    return found


def css_size(inches: tuple[float, float]) -> tuple[int, int]:
    """Return a size in CSS pixels."""
    return round(inches[0] * CSS_DPI), round(inches[1] * CSS_DPI)


def shortened(name: str) -> str:
    """Return a name that fits beside an axis."""
    return drawn_name(name, LONGEST_NAME)


def paint_lines(
    axes: Axes,
    lines: Mapping[str, tuple[Sequence[float] | np.ndarray, Sequence[float] | np.ndarray]],
    marks: Mapping[str, tuple[float, float]] | None = None,
) -> None:
    """Draw lines, at most ``MAX_LINES`` of them.

    Args:
        axes: To draw into.
        lines: {name: (x, y)}.
        marks: {name: a point to mark on it}.
    """
    drawn = []
    for number, (name, (x, y)) in enumerate(lines.items()):
        colour, stroke = COLOURS[number % MAX_LINES], STROKES[number % len(STROKES)]
        marker = 'o' if len(x) == 1 else None
        options: dict[str, Any] = dict(color=colour, marker=marker, linewidth=1.5)
        drawn += axes.plot(x, y, stroke, label=shortened(name), **options)
        if marks and name in marks:
            axes.plot(*marks[name], 'o', color=colour, markersize=6)
    axes.grid(alpha=0.3)
    _legend_above(axes, drawn)


def paint_logged(axes: Axes, title: str, x: Sequence[float], y: Sequence[float]) -> None:
    """Draw what a training has logged, and its moving mean where there are enough points.

    Args:
        axes: To draw into.
        title: Name of the values, with their unit.
        x: Steps.
        y: Values, one for each step; what is not finite leaves a gap.
    """
    steps, values = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if len(values) < SMOOTHED_FROM:
        axes.plot(steps, values, '.-', color=COLOURS[0], linewidth=1.5)
    else:
        axes.plot(steps, values, color=COLOURS[0], linewidth=0.8, alpha=0.35)
        axes.plot(steps, moving_mean(values), color=COLOURS[0], linewidth=1.8)
    # beside a small axis there is no room for a long name
    axes.set_title(shortened(title), loc='left', size=9)
    # a number that is added to all labels is overlooked
    axes.ticklabel_format(axis='y', useOffset=False)
    axes.grid(alpha=0.3)


def moving_mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over ``SMOOTHED_SHARE`` of the points around each; the ends have fewer.

    Args:
        values: Values, ``(N,)``. A value that is not finite counts in no mean, and stays.
    """
    reach = max(round(len(values) * SMOOTHED_SHARE / 2), 1)
    ones, known = np.ones(2 * reach + 1), np.isfinite(values)
    # the middle N of N + 2 * reach, which is what 'same' returns only while N is the longer one
    middle = slice(reach, reach + len(values))
    sums = np.convolve(np.where(known, values, 0), ones)[middle]
    return np.where(known, sums / np.maximum(np.convolve(known, ones)[middle], 1), values)


def paint_groups(
    axes: Axes,
    names: Sequence[str],
    bars: Mapping[str, Sequence[float]],
    notes: Sequence[str] = (),
) -> None:
    """Draw bars side by side for each name, and a note above each group.

    Args:
        axes: To draw into.
        names: Of the N groups.
        bars: {title: N heights}; not a number is no bar.
        notes: N texts, or none.
    """
    places, width = np.arange(len(names)), 0.8 / len(bars)
    for number, (title, heights) in enumerate(bars.items()):
        shift = (number - (len(bars) - 1) / 2) * width
        label = drawn_name(title, LONGEST_TITLE)
        axes.bar(places + shift, heights, width, color=COLOURS[number], label=label)
    tops = np.nan_to_num(np.array(list(bars.values()), dtype=float)).max(0)
    for place, top, note in zip(places, tops, notes, strict=False):
        axes.annotate(note, (place, top), (0, 3), textcoords='offset points', ha='center', size=8)
    axes.set_xticks(places, [shortened(n) for n in names], rotation=45, ha='right')
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.margins(y=0.12)
    axes.grid(axis='y', alpha=0.3)
    axes.set_axisbelow(True)
    _legend_above(axes, axes.containers)


def _legend_above(axes: Axes, drawn: Sequence[Any]) -> None:
    """Name the lines or bars above the axes, where nothing is covered."""
    # given one by one, since axes leave out the names that begin with an underscore
    names = [one.get_label() for one in drawn]
    place: dict[str, Any] = dict(loc='lower left', bbox_to_anchor=(0, 1.02))
    axes.legend(drawn, names, ncols=2, borderaxespad=0, **place)


def paint_counts(axes: Axes, counts: Mapping[str, int], colour: str) -> None:
    """Draw a horizontal bar for each name, the first one on top, its number at its end."""
    bars = axes.barh(range(len(counts)), list(counts.values()), color=colour)
    axes.bar_label(bars, padding=2, size=8)
    axes.set_yticks(range(len(counts)), [shortened(n) for n in counts])
    axes.invert_yaxis()
    axes.margins(x=0.15)


def paint_spread(
    axes: Axes,
    x: Sequence[float],
    means: Sequence[float],
    spreads: Sequence[float | None],
) -> None:
    """Draw means with their standard deviations as bars; ``None`` has no bar."""
    errors = [s or 0.0 for s in spreads]
    axes.errorbar(x, means, errors, fmt='o-', color=COLOURS[0], capsize=4, linewidth=1.5)
    axes.grid(alpha=0.3)
