import re

import numpy as np
import pytest

from qaclims_mm.demo.found import Found
from qaclims_mm.demo.pictures import EMPTY, SIDE, colour_of, show_maps, show_segmented
from qaclims_mm.visualization.colours import page_colours


def found_of(classes=('cat', 'dog'), indices=(1, 2), segmented=None, values=(), size=(40, 60)):
    """Each class has a stripe of the upper half."""
    maps = np.zeros((len(classes), *size), np.float32)
    for k in range(len(classes)):
        maps[k, : size[0] // 2, k :: len(classes)] = 1
    image = np.full((*size, 3), 90, np.uint8)
    return Found(image, size, classes, np.array(indices), maps, maps, segmented, values)


def legend_of(shown):
    """Return [(colour, class, share)] of a legend."""
    row = r'background: rgb\((.*?)\)"></span><span>(.*?)</span> <small>(.*?)</small>'
    return [
        (tuple(map(int, rgb.split(', '))), name, share)
        for rgb, name, share in re.findall(row, shown.legend)
    ]


def test_legend_and_mask_have_the_colours_of_the_report():
    found = found_of()
    found.cams[:] = 0
    found.cams[0, :20], found.cams[1, 20:, :30] = 1, 1
    shown = show_maps(found, 0.5, refined=False)
    assert legend_of(shown) == [(colour_of(2), 'cat', '50%'), (colour_of(3), 'dog', '25%')]
    assert colour_of(2) == tuple(page_colours()[2].tolist())
    assert shown.picture.shape == (427, 640, 3)
    blended = 90 * 0.6 + 0.4 * np.array(colour_of(2))
    assert np.abs(shown.picture[50, 320] - blended).max() <= 1
    # the line has the full colour
    assert (shown.picture == colour_of(2)).all(2).sum() > 600
    # and the background stays
    assert (shown.picture[300, 500] == 90).all()


def test_what_is_not_in_the_mask_is_not_in_the_legend():
    found = found_of()
    found.cams[1] = 0
    assert [name for _, name, _ in legend_of(show_maps(found, 0.5, refined=False))] == ['cat']
    nothing = show_maps(found, 1.0, refined=True)
    assert nothing.legend == f'<p class="legend">{EMPTY}</p>'
    assert (nothing.picture == 90).all()


@pytest.mark.parametrize('size', [(1, 1), (1, 900), (900, 1), (640, 640), (1200, 300)])
def test_all_sizes_are_shown(size):
    picture = show_maps(found_of(('cat',), (0,), size=size), 0.5, refined=False).picture
    assert max(picture.shape[:2]) == SIDE
    assert min(picture.shape[:2]) >= 1


def test_a_class_has_one_colour_in_all_pictures():
    segmented = np.zeros((40, 60), np.uint8)
    segmented[:10], segmented[10:20], segmented[20:30], segmented[30:] = 3, 2, 255, 1
    found = found_of(segmented=segmented, values=('background', 'cow', 'cat', 'dog'))
    maps, other = (
        {name: colour for colour, name, _ in legend_of(shown)}
        for shown in (show_maps(found, 0.5, refined=False), show_segmented(found))
    )
    # the segmentor may find what was not ticked; pixels that do not count are none
    assert other == maps | {'cow': colour_of(1)}
    assert len(set(other.values())) == 3


def test_classes_of_an_image_have_different_colours():
    """There are 20 colours; the classes 3, 23 and 43 would all have one."""
    many = tuple(range(3, 120, 20)) + tuple(range(24, 38))
    names = tuple(f'class {k}' for k in many)
    shown = show_maps(found_of(names, many), 0.5, refined=False)
    colours = [colour for colour, _, _ in legend_of(shown)]
    assert len(set(colours)) == len(colours) == 20
    assert colours[0] == colour_of(4)
    # more than there are share them
    many = tuple(range(30))
    shown = show_maps(found_of(tuple(map(str, many)), many), 0.5, refined=False)
    assert len(legend_of(shown)) == 30


def test_values_above_a_byte():
    shown = show_maps(found_of(('far', 'next'), (254, 299)), 0.5, refined=False)
    assert [name for _, name, _ in legend_of(shown)] == ['far', 'next']


def test_names_are_escaped_and_small_parts_are_not_zero():
    found = found_of(('<b>&', 'x'), (0, 1), size=(40, 400))
    found.cams[1] = 0
    found.cams[0] = 0
    found.cams[0, :2, :2] = 1
    shown = show_maps(found, 0.5, refined=False)
    assert '<span>&lt;b&gt;&amp;</span> <small>below 1%</small>' in shown.legend


def test_without_a_segmentor_there_is_no_picture():
    assert show_segmented(found_of()) is None
