import numpy as np
import pytest

from qaclims_mm.demo.model import Found

pytest.importorskip('gradio')
from qaclims_mm.demo.pictures import (
    _bright,
    _outlined,
    annotate_maps,
    annotate_segmented,
)


def test_colours_of_masks_are_full_and_far_from_each_other():
    colours = np.array([[int(_bright(k)[i : i + 2], 16) for i in (1, 3, 5)] for k in range(12)])
    assert (colours.max(1) == 255).all()
    assert (colours.min(1) == 0).all()
    apart = np.abs(colours[:, None] - colours[None]).sum(-1) + 255 * np.eye(12)
    assert apart.min() > 60


def test_a_line_is_around_a_mask():
    image = np.full((5, 6, 3), 90, np.uint8)
    there = np.zeros((5, 6), bool)
    there[1:3, 1:3] = True
    line = np.zeros((5, 6), bool)
    line[[0, 0, 1, 2, 1, 2, 3, 3], [1, 2, 0, 0, 3, 3, 1, 2]] = True
    outlined = _outlined(image, there)
    assert (outlined[line] == 255).all()
    assert (outlined[~line] == 90).all()
    assert (_outlined(image, np.zeros((5, 6), bool)) == 90).all()
    # as wide on the page
    large = np.zeros((800, 800), bool)
    large[:400] = True
    assert (_outlined(np.zeros((800, 800, 3), np.uint8), large)[:, 0, 0] == 255).sum() == 4


def test_a_class_has_one_colour_in_all_pictures():
    image = np.zeros((4, 6, 3), np.uint8)
    maps = np.zeros((2, 4, 6), np.float32)
    maps[0, :, :2] = maps[1, :, 4:] = 1
    segmented = np.array([[3] * 2 + [0] + [2] + [255] + [1]] * 4, np.uint8)
    values = ('background', 'cow', 'cat', 'dog')
    found = Found(image, (4, 6), ('cat', 'dog'), np.array([1, 2]), maps, maps, segmented, values)
    mask, refined, other = (
        annotate_maps(found, 0.5, False),
        annotate_maps(found, 0.5, True),
        annotate_segmented(found),
    )
    assert mask.color_map == refined.color_map == {'cat': _bright(0), 'dog': _bright(1)}
    # the segmentor may find what was not ticked; pixels that do not count are none
    assert other.color_map == mask.color_map | {'cow': _bright(2)}
    assert [part['label'] for part in other.value['annotations']] == ['cow', 'cat', 'dog']


def test_without_a_segmentor_there_is_no_picture():
    none = np.zeros((0, 2, 2), np.float32)
    found = Found(np.zeros((2, 2, 3), np.uint8), (2, 2), (), np.zeros(0, int), none, none)
    assert annotate_segmented(found) is None
