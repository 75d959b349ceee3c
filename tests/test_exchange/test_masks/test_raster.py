import numpy as np
import pytest
from pycocotools import mask as coco_mask

from qaclims_mm.exchange.masks import raster
from qaclims_mm.exchange.masks.raster import (
    FILLS,
    fill_centres,
    fill_pixels,
    patch_of_polygon,
)

SQUARE = np.array([[1, 2], [5, 2], [5, 4], [1, 4]], float)


def test_edges_of_pixels_are_edges():
    filled = fill_centres(SQUARE, (6, 7))
    assert filled[2:4, 1:5].all()
    assert filled.sum() == 8


def test_coordinates_are_pixels():
    filled = fill_pixels(SQUARE, (6, 7))
    assert filled[2:5, 1:6].all()
    assert filled.sum() == 15


@pytest.mark.parametrize('seed', range(40))
def test_centres_are_those_of_pycocotools(seed):
    points = np.random.default_rng(seed).uniform(-30, 130, (3 + seed, 2))
    [encoded] = coco_mask.frPyObjects([points.reshape(-1).tolist()], 90, 100)
    np.testing.assert_array_equal(fill_centres(points, (90, 100)), coco_mask.decode(encoded))


def test_long_outlines_are_drawn_in_parts(monkeypatch):
    points = np.random.default_rng(0).uniform(0, 100, (50, 2))
    whole = fill_centres(points, (100, 100))
    monkeypatch.setattr(raster, '_CHUNK', 300)
    np.testing.assert_array_equal(fill_centres(points, (100, 100)), whole)


@pytest.mark.parametrize('rule', FILLS)
@pytest.mark.parametrize('seed', range(20))
def test_patches(rule, seed):
    points = np.random.default_rng(seed).uniform(-20, 60, (3 + seed // 4, 2))
    mask = np.zeros((30, 45), np.uint8)
    patch_of_polygon(points, mask.shape, rule).paint(mask, 7)
    np.testing.assert_array_equal(mask, FILLS[rule](points, mask.shape, (0, 0)) * 7)


@pytest.mark.parametrize('rule', FILLS)
def test_what_is_outside_is_cut_off(rule):
    far = np.array([[-1e9, -1e9], [1e9, -1e9], [1e9, 1e9], [-1e9, 1e9]])
    mask = np.zeros((5, 4), np.uint8)
    patch_of_polygon(SQUARE + 100, mask.shape, rule).paint(mask, 1)
    assert not mask.any()
    patch_of_polygon(SQUARE - 100, mask.shape, rule).paint(mask, 1)
    assert not mask[1:, 1:].any()
    patch_of_polygon(far, mask.shape, rule).paint(mask, 1)
    assert mask.all()


@pytest.mark.parametrize(
    ('points', 'message'),
    [
        (SQUARE[:2], 'it is no polygon of x and y of 3 points or more'),
        (SQUARE.reshape(-1), 'it is no polygon of x and y'),
        (SQUARE * np.inf, 'a number is not finite'),
        (SQUARE + np.nan, 'a number is not finite'),
    ],
)
def test_no_polygons(points, message):
    with pytest.raises(ValueError, match=message):
        patch_of_polygon(points, (5, 4), 'centres')
