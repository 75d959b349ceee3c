import time

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw
from pycocotools import mask as coco_mask
from tiny_masks import drawn, ious, shown

from qaclims_mm.exchange.masks.polygons import MIN_IOU, polygon_of, regions_of
from qaclims_mm.exchange.masks.raster import Patch, fill_centres, fill_pixels


def by_pycocotools(points, size):
    return coco_mask.decode(coco_mask.frPyObjects([points.reshape(-1).tolist()], *size))[..., 0]


def by_pillow(points, size):
    image = Image.new('L', size[::-1])
    ImageDraw.Draw(image).polygon([tuple(p) for p in points.tolist()], fill=1, outline=1)
    return np.asarray(image)


def by_opencv_rounded(points, size):
    filled = np.zeros(size, np.uint8)
    return cv2.fillPoly(filled, [np.round(points).astype(np.int32)], 1)


# {who fills: (by which rule, how)}
TOOLS = {
    'pycocotools': ('centres', by_pycocotools),
    'ours': ('centres', fill_centres),
    'Pillow': ('pixels', by_pillow),
    'OpenCV': ('pixels', fill_pixels),
    'OpenCV, rounded': ('pixels', by_opencv_rounded),
}


def made_again(mask, tolerance, tool):
    rule, fill = TOOLS[tool]
    found = np.zeros_like(mask)
    for region in regions_of(mask):
        points = polygon_of(region, tolerance, rule)
        assert points.shape[1] == 2
        assert len(points) >= 3
        found[fill(points, mask.shape) > 0] = region.value
    return found


def full(region, size):
    pixels = np.zeros(size, np.uint8)
    Patch(region.left, region.top, region.pixels).paint(pixels, 1)
    return pixels


def test_regions():
    mask = np.zeros((6, 8), np.uint8)
    mask[1, 1] = mask[2, 2] = 2  # they touch by a corner
    mask[4:, 5:] = 1
    mask[0, 7] = 2
    mask[0, 0] = 255
    found = {(r.value, r.box, r.area) for r in regions_of(mask)}
    assert found == {(2, (1, 1, 2, 2), 2), (1, (5, 4, 3, 2), 6), (2, (7, 0, 1, 1), 1)}
    np.testing.assert_array_equal(
        sum(full(r, (6, 8)) * r.value for r in regions_of(mask)), shown(mask)
    )


def test_nothing_has_no_region():
    assert not [*regions_of(np.zeros((3, 4), np.uint8))]
    assert not [*regions_of(np.full((3, 4), 255, np.uint8))]


@pytest.mark.parametrize('tool', TOOLS)
@pytest.mark.parametrize('number', range(4))
def test_every_pixel_is_kept_without_a_tolerance(tool, number):
    mask = drawn(number)
    np.testing.assert_array_equal(made_again(mask, 0, tool), shown(mask))


SHAPES = {
    'pixel': [[1]],
    'row': [[1, 1, 1]],
    'column': [[1], [1]],
    'diagonal': np.eye(5, dtype=int),
    'cross of diagonals': np.eye(5, dtype=int) | np.eye(5, dtype=int)[::-1],
    'hole of a pixel': [[1, 1, 1], [1, 0, 1], [1, 1, 1]],
    'diamond with a hole': [[0, 1, 0], [1, 0, 1], [0, 1, 0]],
    'holes that touch': [[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 1]],
    'open ring': [[1, 1, 1], [1, 0, 0], [1, 1, 1]],
    'comb': [[1, 0, 1, 0, 1], [1, 1, 1, 1, 1]],
}


@pytest.mark.parametrize('tool', TOOLS)
@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('tolerance', [0, 1, 50])
def test_small_shapes_are_exact_whatever_the_tolerance(tool, shape, tolerance):
    mask = np.zeros((9, 9), np.uint8)
    pixels = np.array(SHAPES[shape])
    for corner in ((0, 0), (2, 3), (9 - pixels.shape[0], 9 - pixels.shape[1])):
        mask[:] = 0
        mask[corner[0] :, corner[1] :][: pixels.shape[0], : pixels.shape[1]] = pixels
        np.testing.assert_array_equal(made_again(mask, tolerance, tool), mask)


@pytest.mark.parametrize('tolerance', [0.5, 1, 2, 8, 100])
@pytest.mark.parametrize('rule', ['centres', 'pixels'])
def test_a_tolerance_never_costs_a_region(rule, tolerance):
    fill = {'centres': fill_centres, 'pixels': fill_pixels}[rule]
    for region in regions_of(drawn(2)):
        true = full(region, (60, 60))
        [found] = ious(true, fill(polygon_of(region, tolerance, rule), (60, 60)))
        assert found >= MIN_IOU


def test_a_tolerance_saves_points():
    mask = np.zeros((200, 200), np.uint8)
    cv2.circle(mask, (100, 100), 80, 1, -1)
    [region] = regions_of(mask)
    numbers = [len(polygon_of(region, t, 'centres')) for t in (0, 0.5, 0.8)]
    assert numbers[0] > 2 * numbers[1]
    assert numbers[1] > numbers[2] > 20


def test_many_holes_in_a_large_region():
    rng = np.random.default_rng(0)
    mask = (rng.random((300, 300)) < 0.9).astype(np.uint8)
    before = time.process_time()
    np.testing.assert_array_equal(made_again(mask, 1, 'OpenCV') > 0, mask > 0)
    assert time.process_time() - before < 30
