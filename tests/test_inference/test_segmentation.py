import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from qaclims_mm.inference import Segmentation
from qaclims_mm.inference.segmentation import count_values
from qaclims_mm.visualization.colours import page_colours
from qaclims_mm.visualization.overlays import overlay_mask

MASK = np.array([[0, 1, 1, 2], [0, 0, 255, 2]], np.uint8)
IMAGE = np.full((2, 4, 3), 90, np.uint8)


def segmentation(image=IMAGE, mask=MASK, classes=('background', 'cat', 'dog')):
    return Segmentation(image, mask, classes)


def test_areas_and_names():
    found = segmentation()
    assert found.areas == {0: 3, 1: 2, 2: 2, 255: 1}
    assert [found.name_of(v) for v in found.areas] == ['background', 'cat', 'dog', 'ignored']
    assert found.name_of(7) == 'value 7'


def test_overlay_of_arrays_and_files(tmp_path):
    wanted = overlay_mask(IMAGE, MASK)
    assert np.array_equal(segmentation().overlay(), wanted)
    Image.fromarray(IMAGE).save(tmp_path / 'a.png')
    assert np.array_equal(segmentation(tmp_path / 'a.png').overlay(), wanted)
    assert segmentation(tmp_path / 'a.png').overlay(2).shape == (1, 2, 3)


def test_a_terminal_shows_one_line(tmp_path):
    areas = 'background 37.5 %, cat 25.0 %, dog 25.0 %, ignored 12.5 %>'
    assert repr(segmentation()) == f'<Segmentation of an array, 4 x 2 px: {areas}'
    named = segmentation(tmp_path / 'a\nb.png', classes=('background', '\x1b[31m', 'dog'))
    assert '\n' not in repr(named)
    assert '\x1b' not in repr(named)


def test_a_notebook_shows_picture_and_legend():
    # the eighth colour is not VOC's
    found = segmentation(mask=np.where(MASK == 2, 8, MASK))
    page = found._repr_html_()
    [data] = re.findall(r'base64,([^"]+)"', page)
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert picture.size == (4, 2)
    assert 'background:rgb(128, 0, 0)"></span>cat 25.0 %</li>' in page
    assert page.count('<li>') == 4
    seen = tuple(page_colours()[8].tolist())
    assert f'background:rgb{seen}"></span>value 8 25.0 %</li>' in page
    # the picture has it too, seen through a third of the photograph
    wanted = 0.35 * 90 + 0.65 * np.array(seen)
    assert np.abs(found.overlay()[0, 3] - wanted).max() <= 1


@pytest.mark.parametrize('name', ['<script>x</script>', '" onload="x', 'a&b', '{x}', '\u202ea'])
def test_names_are_data(name, tmp_path):
    path = tmp_path / '<b>&.png'
    Image.fromarray(IMAGE).save(path)
    page = segmentation(path, classes=('background', name, 'dog'))._repr_html_()
    assert '<script>' not in page
    assert '<b>' not in page
    assert '\u202e' not in page
    assert page.count('"') == segmentation(path)._repr_html_().count('"')


def test_values_are_counted():
    mask = np.random.default_rng(0).integers(0, 4, (700, 3)).astype(np.uint16)
    mask[0, 0] = 60000
    values, counts = np.unique(mask, return_counts=True)
    found = count_values(mask)
    assert list(found.items()) == list(zip(values.tolist(), counts.tolist(), strict=True))
    assert count_values(np.zeros((0, 3), np.uint8)) == {}
