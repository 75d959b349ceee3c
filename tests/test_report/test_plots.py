import io
from functools import partial

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from tiny_report import EVIL

from qaclims_mm.report import plots
from qaclims_mm.report.plots import (
    SMOOTHED_SHARE,
    css_size,
    moving_mean,
    paint_counts,
    paint_groups,
    paint_lines,
    paint_logged,
    paint_spread,
    plot,
    sheet_picture,
    shortened,
)


@pytest.fixture
def axes():
    return Figure().add_subplot()


def test_plot_is_drawn_on_nothing():
    lines = {EVIL: ([1, 2], [3.0, 4.0])}
    picture = plot(partial(paint_lines, lines=lines), 'x', 'y', 'alt', 'caption', size=(3.0, 2.0))
    assert (picture.size, picture.media_type, picture.plot) == ((288, 192), 'image/png', True)
    with Image.open(io.BytesIO(picture.content)) as image:
        assert image.size == (3 * plots.PLOT_DPI, 2 * plots.PLOT_DPI)
        pixels = np.asarray(image.convert('RGBA'))
    assert (pixels[0, 0] == [pixels[0, 0, 0]] * 3 + [0]).all()
    assert pixels[..., 3].max() > 200


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('name', [EVIL, 'a & b', ']]> -->'])
def test_figures_for_papers(name):
    def draw():
        lines = {name: ([1, 2], [3.0, 4.0])}
        return plot(partial(paint_lines, lines=lines), 'x', 'y', 'alt', 'caption').vectors

    found = draw()
    assert found['pdf'].startswith(b'%PDF')
    # TrueType, which journals ask for
    assert b'/FontFile2' in found['pdf']
    assert b'/Type3' not in found['pdf']
    assert found['svg'].startswith(b'<?xml')
    assert b'<script' not in found['svg']
    assert draw() == found


def test_sheet_is_a_photograph():
    picture = sheet_picture(Figure(figsize=(2, 1)), 'alt', 'caption')
    assert (picture.size, picture.wide, picture.plot) == ((192, 96), True, False)
    with Image.open(io.BytesIO(picture.content)) as image:
        assert (image.format, image.size) == ('JPEG', (2 * plots.SHEET_DPI, plots.SHEET_DPI))


def test_lines_and_marks(axes):
    paint_lines(axes, {'a': ([1, 2], [3, 4]), 'b': ([1], [5])}, {'a': (2, 4)})
    a, mark, b = axes.get_lines()
    np.testing.assert_array_equal(a.get_xydata(), [[1, 3], [2, 4]])
    np.testing.assert_array_equal(mark.get_xydata(), [[2, 4]])
    # a line of one point is seen too
    assert b.get_marker() == 'o'
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ['a', 'b']
    assert axes.get_yscale() == 'linear'


@pytest.mark.parametrize('values', [[0.01, 100], [0, 100], [-1, 100], [np.nan, 1]])
def test_axes_are_linear(axes, values):
    paint_lines(axes, {'a': ([1, 2], values)})
    assert axes.get_yscale() == 'linear'
    assert not any('$' in t.get_text() for t in axes.get_yticklabels())


def test_a_few_points_are_joined(axes):
    paint_logged(axes, 'loss', (50, 143, 236), (0.3, 0.2, 0.1))
    [line] = axes.get_lines()
    np.testing.assert_array_equal(line.get_xydata(), [[50, 0.3], [143, 0.2], [236, 0.1]])
    assert line.get_marker() == '.'
    assert axes.get_title(loc='left') == 'loss'


def test_many_points_are_smoothed_over_the_faint_ones(axes):
    values = 5 + np.random.default_rng(0).normal(size=200)
    paint_logged(axes, 'loss', range(200), values)
    raw, smooth = axes.get_lines()
    np.testing.assert_array_equal(raw.get_ydata(), values)
    assert raw.get_alpha() < 0.5
    assert smooth.get_linewidth() > raw.get_linewidth()
    assert smooth.get_ydata().std() < 0.4 * values.std()
    assert axes.get_yscale() == 'linear'


@pytest.mark.parametrize('number', [1, 2, 3, 7, 20, 201])
def test_moving_mean(number):
    values = np.random.default_rng(number).normal(size=number)
    if number > 10:
        values[4] = np.nan
    reach = max(round(number * SMOOTHED_SHARE / 2), 1)
    wanted = [
        np.nan if np.isnan(v) else np.nanmean(values[max(i - reach, 0) : i + reach + 1])
        for i, v in enumerate(values)
    ]
    np.testing.assert_allclose(moving_mean(values), wanted)


def test_groups(axes):
    paint_groups(axes, ['cat', 'dog'], {'A': [10, np.nan], 'B': [20, 5]}, ['+10.0', ''])
    heights = [b.get_height() for b in axes.patches]
    np.testing.assert_array_equal(heights, [10, np.nan, 20, 5])
    left, right = axes.patches[0], axes.patches[2]
    assert left.get_x() + left.get_width() == pytest.approx(right.get_x())
    assert [t.get_text() for t in axes.get_xticklabels()] == ['cat', 'dog']
    note = axes.texts[0]
    assert (note.get_text(), note.xy) == ('+10.0', (0, 20))


def test_counts(axes):
    paint_counts(axes, {'road': 5, 'x' * 40: 2}, 'red')
    assert [b.get_width() for b in axes.patches] == [5, 2]
    assert [t.get_text() for t in axes.texts] == ['5', '2']
    assert [t.get_text() for t in axes.get_yticklabels()] == ['road', 'x' * 27 + '…']
    assert axes.yaxis_inverted()


def test_spread(axes):
    paint_spread(axes, [0.1, 0.2], [50.0, 60.0], [1.0, None])
    [container] = axes.containers
    bars = container.lines[2][0].get_segments()
    np.testing.assert_allclose([bar[:, 1] for bar in bars], [[49, 51], [60, 60]])


def test_shortened():
    assert shortened('a' * 28) == 'a' * 28
    assert len(shortened('a' * 29)) == 28


def test_css_pixels():
    assert css_size((1.0, 0.5)) == (96, 48)


@pytest.mark.filterwarnings('error')
def test_names_are_drawn_as_they_are(axes):
    names = ['$x_1$ $', '\\frac{', '%s {} {class}', '_hidden', 'a\nb\0\ud800', 'x' * 10**5]
    lines = {name: ([1, 2], [k, k]) for k, name in enumerate(names)}
    bars = {name: [1.0] * len(names) for name in names}
    for paint in (
        partial(paint_lines, lines=lines),
        partial(paint_groups, names=names, bars=bars),
        partial(paint_counts, counts=dict.fromkeys(names, 1), colour='red'),
    ):
        plot(paint, 'x', 'y', 'alt', 'caption', size=(12.0, 6.0))
    paint_lines(axes, lines)
    shown = [t.get_text() for t in axes.get_legend().get_texts()]
    assert shown[:5] == [*names[:4], r'a\nb\x00\ud800']
    assert len(shown[5]) == plots.LONGEST_NAME
