import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from qaclims_mm.visualization.overlays import HEAT
from qaclims_mm.visualization.sheet_page import (
    LEGEND_LINE,
    LEGEND_SIZE,
    SheetLegend,
    SheetPage,
    text_width,
    wrap_texts,
)

LEGEND = [('cat', (0, 0, 128)), ('traffic light', (255, 128, 0)), ('$x_1$ <b>', (1, 2, 3))]


@pytest.mark.parametrize('size', [5.0, 7.0, 12.0])
def test_text_width_is_what_is_drawn(size):
    figure = Figure(dpi=400)
    text = figure.text(0, 0, 'locomotive train, railcar', fontsize=size)
    drawn = text.get_window_extent(FigureCanvasAgg(figure).get_renderer()).width / 400
    assert text_width('locomotive train, railcar', size) == pytest.approx(drawn, rel=0.03)


@pytest.mark.parametrize('width', [0.3, 0.7, 1.5, 40.0])
def test_wrapped_texts_lose_nothing_and_fit(width):
    texts = ['traffic light', 'tree', 'an answer of a good many words', 'x' * 40, 'tree']
    lines = wrap_texts(texts, width, 7.0)
    assert all(text_width(line, 7.0) <= width for line in lines)
    joined = ''.join(lines).replace(' ', '')
    assert joined == 'trafficlight,tree,ananswerofagoodmanywords,' + 'x' * 40


def test_wrapping_keeps_texts_whole_where_it_can():
    assert wrap_texts(['traffic light', 'traffic light', 'tree'], 40.0) == ['traffic light, tree']
    wide = text_width('traffic light,', 7.0)
    assert wrap_texts(['traffic light', 'big tree'], wide, 7.0) == ['traffic light,', 'big tree']
    assert wrap_texts([], 1.0) == []


def drawn(legend, has_maps, width):
    """Return a page with a legend, and its height."""
    lines = SheetLegend(legend, has_maps, width)
    page = SheetPage(width, max(lines.height, 0.1))
    lines.draw(page, 0, 0)
    return page, lines


def patches_of(page):
    return [p for p in page.figure.artists + page.figure.patches if isinstance(p, Rectangle)]


@pytest.mark.parametrize('width', [1.2, 2.5, 9.0])
@pytest.mark.parametrize('has_maps', [True, False])
def test_nothing_is_cut_or_overlaps(width, has_maps):
    width += 1.5 if has_maps else 0
    page, lines = drawn(LEGEND * 3, has_maps, width)
    renderer = FigureCanvasAgg(page.figure).get_renderer()
    boxes = [t.get_window_extent(renderer) for t in page.figure.texts]
    assert len(boxes) == 9 + (2 if has_maps else 0)
    assert max(b.x1 for b in boxes) <= width * 200
    # a line may hold letters that reach below it
    assert min(b.y0 for b in boxes) >= -0.05 * 200
    assert not [
        (a, b)
        for i, a in enumerate(boxes)
        for b in boxes[:i]
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
    ]
    assert lines.height == pytest.approx(LEGEND_LINE * len(lines.lines))


def test_colours_stand_before_their_names():
    page, _ = drawn(LEGEND, False, 9.0)
    assert [t.get_text() for t in page.figure.texts] == [name for name, _ in LEGEND]
    found = [p.get_facecolor()[:3] for p in patches_of(page) if p.get_linewidth()]
    assert np.allclose(found, [[c / 255 for c in colour] for _, colour in LEGEND])


def test_the_colour_bar_is_the_colour_map():
    page, _ = drawn([], True, 4.0)
    assert [t.get_text() for t in page.figure.texts] == ['activation 0', '1']
    found = [to_rgb(p.get_facecolor()) for p in patches_of(page)]
    assert found[0] == pytest.approx(colormaps[HEAT](0.0)[:3])
    assert found[-1] == pytest.approx(colormaps[HEAT](1.0)[:3])
    # perceptually uniform: it becomes lighter from step to step
    light = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in found]
    assert (np.diff(light) > 0).all()


def test_a_sheet_of_images_has_no_legend():
    assert SheetLegend([], False, 4.0).height == 0


def test_size_of_letters():
    page, _ = drawn(LEGEND, True, 9.0)
    assert {t.get_fontsize() for t in page.figure.texts} == {LEGEND_SIZE}
