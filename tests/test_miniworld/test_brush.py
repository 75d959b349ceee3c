import numpy as np
import pytest

from qaclims_mm.miniworld.brush import SUPERSAMPLING, Brush, Layer, vary

RED = (200, 40, 20)
WHOLE = (0.0, 0.0, 1.0, 1.0)


def drawn(brush, size=40, grain=0.0):
    """Return colours over black and the coverage of a whole picture."""
    layer = brush.finish(np.random.default_rng(0), grain)
    picture = np.zeros((size, size, 3), np.float32)
    layer.over(picture)
    alpha = np.zeros((size, size), np.float32)
    alpha[layer.place] = layer.rgba[..., 3]
    return picture, alpha


def shapes(brush):
    return {
        'rect': lambda: brush.rect(0.0, 0.25, 0.5, 1.0, RED),
        'poly': lambda: brush.poly([(0.0, 0.25), (0.5, 0.25), (0.5, 1.0), (0.0, 1.0)], RED),
        'round_rect': lambda: brush.round_rect(0.0, 0.25, 0.5, 1.0, RED),
        'ellipse': lambda: brush.ellipse(0.0, 0.25, 0.5, 1.0, RED),
    }


# what share of its bounding box a shape covers
COVERED = dict(rect=1.0, poly=1.0, ellipse=np.pi / 4)


@pytest.mark.parametrize('shape', ['rect', 'poly', 'round_rect', 'ellipse'])
@pytest.mark.parametrize('flip', [False, True])
def test_shapes_lie_where_the_box_says(shape, flip):
    brush = Brush(40, (0.25, 0.5, 0.75, 1.0), flip)
    shapes(brush)[shape]()
    _, alpha = drawn(brush)
    rows, columns = (np.flatnonzero(alpha.max(axis)) for axis in (1, 0))
    # half of a box 20 wide that begins at 10, or its other half
    left = 20 if flip else 10
    assert abs(columns[0] - left) <= 1
    assert abs(columns[-1] + 1 - (left + 10)) <= 1
    assert abs(rows[0] - 25) <= 1
    assert abs(rows[-1] + 1 - 40) <= 1
    if shape in COVERED:
        assert alpha.sum() == pytest.approx(COVERED[shape] * 150, rel=0.1)
    else:
        assert 0.85 * 150 < alpha.sum() < 150


def test_disc_is_round_in_a_flat_box():
    brush = Brush(60, (0.0, 0.4, 1.0, 0.6))
    brush.disc(0.5, 0.5, 0.5, RED)
    _, alpha = drawn(brush, 60)
    # the radius is a share of the height, 12 pixels
    assert alpha.sum() == pytest.approx(np.pi * 6**2, rel=0.06)
    assert abs(np.ptp(np.flatnonzero(alpha.max(0))) - np.ptp(np.flatnonzero(alpha.max(1)))) <= 1


def test_line_has_its_width_and_is_never_invisible():
    brush = Brush(60, (0.0, 0.4, 1.0, 0.6))
    brush.line([(0.0, 0.5), (1.0, 0.5)], RED, 0.5)
    assert drawn(brush, 60)[1].sum() == pytest.approx(60 * 6, rel=0.1)
    brush = Brush(60, WHOLE)
    brush.line([(0.0, 0.5), (1.0, 0.5)], RED, 0.0)
    assert drawn(brush, 60)[1].sum() == pytest.approx(60 / SUPERSAMPLING, rel=0.1)


def test_edges_keep_their_colour():
    # an edge in the middle of a pixel: half covered, and not darker than the colour itself
    brush = Brush(40, WHOLE)
    brush.rect(0.0, 0.0, 0.5 + 0.5 / 40, 1.0, RED)
    layer = brush.finish(np.random.default_rng(0), 0.0)
    edge = layer.rgba[:, -1]
    assert 0.2 < edge[0, 3] < 0.9
    lit = layer.rgba[:, 0]
    np.testing.assert_allclose(edge[:, :3], edge[:, 3:] * lit[:, :3], rtol=1e-5)


def test_light_falls_from_above():
    brush = Brush(40, WHOLE)
    brush.rect(0, 0, 1, 1, RED)
    picture, _ = drawn(brush)
    np.testing.assert_allclose(picture[0, 0], np.multiply(RED, 1.1), rtol=1e-5)
    np.testing.assert_allclose(picture[-1, 0], np.multiply(RED, 0.85), rtol=1e-5)


def test_grain_depends_on_the_generator_alone():
    def paint(seed, grain):
        brush = Brush(40, WHOLE)
        brush.rect(0, 0, 1, 1, (120, 120, 120))
        return brush.finish(np.random.default_rng(seed), grain).rgba

    np.testing.assert_array_equal(paint(0, 8.0), paint(0, 8.0))
    noise = paint(0, 8.0)[..., 0] - paint(0, 0.0)[..., 0]
    assert noise.std() == pytest.approx(8, rel=0.1)
    assert abs(noise.mean()) < 1
    assert not np.array_equal(paint(0, 8.0), paint(1, 8.0))


def test_an_empty_layer_changes_nothing():
    picture, alpha = drawn(Brush(40, WHOLE), grain=8.0)
    assert picture.max() == 0
    assert alpha.max() == 0


def test_layer_over():
    rgba = np.array([[[30, 40, 50, 1.0], [10, 0, 0, 0.25]]], np.float32)
    picture = np.full((2, 3, 3), 100, np.float32)
    Layer((slice(1, 2), slice(0, 2)), rgba).over(picture)
    assert picture[1, 0].tolist() == [30, 40, 50]
    assert picture[1, 1].tolist() == [85, 75, 75]  # premultiplied
    assert (picture[0] == 100).all()
    assert (picture[1, 2] == 100).all()


def test_vary_stays_near_and_in_range():
    rng = np.random.default_rng(0)
    colours = np.array([vary(rng, (5, 128, 250), 22) for _ in range(300)])
    assert colours.min() >= 0
    assert colours.max() <= 255
    assert abs(colours[:, 1] - 128).max() == 22
    assert colours[:, 0].max() == 27
    assert len(np.unique(colours, axis=0)) > 200
