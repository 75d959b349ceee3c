import numpy as np
import pytest
from pycocotools import mask as coco_mask

from qaclims_mm.exchange.masks.raster import FILLS, fill_centres, fill_pixels

SQUARE = np.array([[1, 2], [5, 2], [5, 4], [1, 4]], float)


def naive(points, size):
    """Count for each centre the edges to its right."""
    filled = np.zeros(size, np.uint8)
    for row, column in np.ndindex(size):
        x, y = column + 0.5, row + 0.5
        for (ax, ay), (bx, by) in zip(points, np.roll(points, -1, axis=0), strict=True):
            if (ay <= y) != (by <= y) and ax + (y - ay) * (bx - ax) / (by - ay) > x:
                filled[row, column] ^= 1
    return filled


def test_edges_of_pixels_are_edges():
    filled = fill_centres(SQUARE, (6, 7))
    assert filled[2:4, 1:5].all()
    assert filled.sum() == 8


def test_coordinates_are_pixels():
    filled = fill_pixels(SQUARE, (6, 7))
    assert filled[2:5, 1:6].all()
    assert filled.sum() == 15


@pytest.mark.parametrize('seed', range(8))
def test_centres_are_counted_as_by_hand(seed):
    points = np.random.default_rng(seed).uniform(-4, 24, (9, 2))
    np.testing.assert_array_equal(fill_centres(points, (17, 20)), naive(points, (17, 20)))


@pytest.mark.parametrize('seed', range(4))
def test_centres_agree_with_pycocotools(seed):
    points = np.random.default_rng(seed).uniform(5, 195, (5, 2))
    [encoded] = coco_mask.frPyObjects([points.reshape(-1).tolist()], 200, 200)
    theirs, ours = coco_mask.decode(encoded), fill_centres(points, (200, 200))
    assert (theirs & ours).sum() / (theirs | ours).sum() > 0.98


@pytest.mark.parametrize('rule', FILLS)
def test_what_is_outside_is_cut_off(rule):
    far = np.array([[-1e9, -1e9], [1e9, -1e9], [1e9, 1e9], [-1e9, 1e9]])
    assert FILLS[rule](far, (5, 4)).all()
    assert not FILLS[rule](SQUARE + 100, (5, 4)).any()
