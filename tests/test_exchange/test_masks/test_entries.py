import unicodedata

import numpy as np
import pytest

from qaclims_mm.exchange.masks.entries import Canvas, Reading
from qaclims_mm.exchange.masks.raster import Patch

IMAGES = {
    'p0': (4, 6),
    'sub dir/p1': (4, 6),
    'other/p1': (4, 6),
    'x.y': (4, 6),
    'odd #1 100%': (4, 6),
    'été': (4, 6),
    'deep/er/p0 b': (4, 6),
}


@pytest.fixture
def reading():
    problems = []
    found = Reading(IMAGES, ['dog', 'a/b', 'Background!'], problems)
    found.told = problems
    return found


NAMES = {
    'p0.jpg': 'p0',
    'p0': 'p0',
    'P0.JPEG': 'p0',
    './images/p0.jpg': 'p0',
    'images\\1/p0.jpg': 'p0',
    '../../images/p0.jpg': 'p0',
    '/abs/olute/sub dir/p1.png': 'sub dir/p1',
    'x.y': 'x.y',
    'x.y.png': 'x.y',
    '/data/local-files/?d=images/p0.jpg': 'p0',
    '/data/local-files/?d=odd%20%231%20100%25.jpg': 'odd #1 100%',
    '/data/upload/1/0a1b2c3d-p0.jpg': 'p0',
    'images/0a1b2c3d__p0%20b.jpg': 'deep/er/p0 b',
    'images/0a1b2c3d__01234567-p0_b.jpg': 'deep/er/p0 b',
    '../ls/media/upload/8/0a1b2c3d-p0_b.jpg': 'deep/er/p0 b',
    'images/0a1b2c3d-%C3%A9t%C3%A9.jpg': 'été',
    '01234567-odd_1_100.png': 'odd #1 100%',
    'https://host/a/p0.jpg?X-Amz=1': 'p0',
    's3://bucket/sub%20dir/p1.jpg': 'sub dir/p1',
    'odd #1 100%.jpg': 'odd #1 100%',
    unicodedata.normalize('NFD', 'été.jpg'): 'été',
    'p0 b.jpg': 'deep/er/p0 b',
    'er/p0 b.jpg': 'deep/er/p0 b',
}


@pytest.mark.parametrize(('name', 'image_id'), NAMES.items(), ids=NAMES)
def test_names(reading, name, image_id):
    assert reading.take(name, 'here') == image_id
    assert not reading.told


UNKNOWN = {
    'p1.jpg': "here: image 'p1.jpg' may be 'sub dir/p1' or 'other/p1'; left out",
    'p9.jpg': "here: image 'p9.jpg' is none of the images; left out",
    'another/p1.jpg': "here: image 'another/p1.jpg' is none of the images; left out",
    'pp0.jpg': "here: image 'pp0.jpg' is none of the images; left out",
    '': "here: image '' is none of the images; left out",
}


@pytest.mark.parametrize(('name', 'message'), UNKNOWN.items(), ids=UNKNOWN)
def test_names_of_no_or_several_images(reading, name, message):
    assert reading.take(name, 'here') is None
    assert reading.told == [message]


def test_an_image_counts_once(reading):
    assert reading.take('p0.jpg', 'first') == 'p0'
    assert reading.take('p0.png', 'second') is None
    assert reading.told == ["second: image 'p0' stands in first already; left out"]


@pytest.mark.parametrize('size', [(6, 4), (None, None), ('4', '6'), (4, 7)])
def test_other_sizes(reading, size):
    assert reading.take('p0.jpg', 'here', size) is None
    [problem] = reading.told
    assert problem.startswith('here: ')
    assert problem.endswith('pixels, but the image has 6 x 4; left out')
    # an entry that is left out does not take the image from the next
    assert reading.take('p0.jpg', 'here', (4, 6)) == 'p0'


def test_classes(reading):
    assert [reading.value(n, 'x') for n in ('dog', ' dog ', 'a/b', 'Background!')] == [1, 1, 2, 3]
    assert [reading.value(n, 'x') for n in ('background', '_background_')] == [0, 0]
    assert [reading.value(n, 'x') for n in ('ignored', 'Void')] == [255, 255]
    assert not reading.told
    assert [reading.value(n, 'x') for n in ('cat', 'cat', 'Dog')] == [255] * 3
    assert len(reading.told) == 2
    assert reading.told[0].startswith("x: 'cat' is none of the 3 classes; its pixels are ignored")


def test_names_that_classes_had_before():
    problems = []
    former = {'hound': 'dog', 'dog': 'cat', ' pet': 'cat'}
    found = Reading(IMAGES, ['dog', 'cat'], problems, former)
    # a class that is there counts first
    assert [found.value(n, 'x') for n in ('hound', 'dog', 'pet', 'cat')] == [1, 1, 2, 2]
    assert not problems
    assert found.value('Hound', 'x') == 255


def test_masks_are_as_wide_as_the_classes(reading):
    assert reading.canvas('p0').dtype == np.uint8
    many = Reading(IMAGES, [f'c{n}' for n in range(300)], [])
    assert many.canvas('p0').dtype == np.uint16
    found = many.translated(np.array([[1, 255, 300]]), range(301))
    assert found.tolist() == [[1, 255, 300]]


def test_values_are_translated(reading):
    found = reading.translated(np.array([[0, 1, 2, 255]], np.uint8), [0, 2, 255])
    assert found.tolist() == [[0, 2, 255, 255]]


def test_canvas(reading):
    patch = Patch(1, 2, np.ones((1, 2), np.uint8))
    canvas = Canvas(reading, 'p0')
    canvas.paint([patch], 'a/b', 'first')
    canvas.reject('bad', 'second')
    [(image_id, mask)] = canvas.finish('file')
    assert image_id == 'p0'
    assert canvas.size == mask.shape == (4, 6)
    assert mask[2, 1:3].tolist() == [2, 2]
    assert mask.sum() == 4
    assert reading.told == ['second: bad; left out']


def test_an_image_without_regions(reading):
    rejected = Canvas(reading, 'p0')
    rejected.reject('bad', 'here')
    assert not [*rejected.finish('file')]
    assert reading.told[1:] == [
        "file: image 'p0' has no region that is a mask of a class; it is left out"
    ]
    [(_, mask)] = Canvas(reading, 'p0').finish('file', single=True)
    assert not mask.any()
    assert len(reading.told) == 2
    [(_, mask)] = Canvas(reading, 'p0').finish('file')
    assert not mask.any()
    assert reading.told[2:] == ["file: image 'p0' has no region: it is read as background"]
