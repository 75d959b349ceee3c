import threading

import numpy as np
import pytest
from PIL import Image

from qaclims_mm.errors import RecordError
from qaclims_mm.inference.pictures import read_ahead, read_picture


def test_files_and_arrays(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 10, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / 'a.png')
    found = read_picture(str(tmp_path / 'a.png'), {})
    assert found.image == tmp_path / 'a.png'
    assert np.array_equal(found.pixels, pixels)
    small = read_picture(tmp_path / 'a.png', dict(max_side=10))
    assert (small.pixels.shape, small.size) == ((10, 5, 3), (20, 10))
    assert read_picture(pixels, dict(max_side=10)).pixels is pixels


@pytest.mark.parametrize(
    'image', [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_arrays_that_are_no_image(image):
    with pytest.raises(RecordError, match='an image must be RGB uint8'):
        read_picture(image, {})


def test_files_that_are_no_image(tmp_path):
    (tmp_path / 'a.png').write_bytes(b'no image')
    for name in ('a.png', 'gone.png', '.'):
        with pytest.raises(RecordError, match=r'image .* cannot be read \(.*\); replace it'):
            read_picture(tmp_path / name, {})


def test_the_next_item_is_read_meanwhile():
    second = threading.Event()

    def read(item):
        if item == 'broken':
            raise RecordError(item)
        if item == 2:
            second.set()
        return item * 10

    pairs = read_ahead([1, 2, 'broken', 3], read)
    item, first = next(pairs)
    assert (item, first.result()) == (1, 10)
    # it is there before the second one is asked for
    assert second.wait(5)
    rest = list(pairs)
    assert [item for item, _ in rest] == [2, 'broken', 3]
    assert rest[2][1].result() == 30
    with pytest.raises(RecordError, match='broken'):
        rest[1][1].result()
    assert list(read_ahead([], read)) == []
