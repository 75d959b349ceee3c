import csv
import io
import zipfile

import numpy as np
import pytest
from PIL import Image
from strategies import ODD_NAMES

from qaclims_mm.demo.download import HEAD, pack
from qaclims_mm.demo.model import Found
from qaclims_mm.schemas import voc_palette


def test_pack():
    image = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
    cams, refined = np.zeros((2, 2, 3, 4), np.float32)
    cams[1, 0] = 0.6
    refined[0, :2] = 0.5
    found = Found(image, (3, 4), ('cat', 'été; "x"'), np.array([4, 6]), cams, refined)
    rows = [('cat', 'the object', 'What, exactly?', 'a "tabby", striped')]
    with zipfile.ZipFile(io.BytesIO(pack(found, 0.3, rows))) as archive:
        names = archive.namelist()
        files = {name: archive.read(name) for name in names}
    assert names == ['answers.csv', 'as_read.png', 'classes.csv', 'mask.png', 'refined.png']
    np.testing.assert_array_equal(Image.open(io.BytesIO(files['as_read.png'])), image)
    mask, better = (Image.open(io.BytesIO(files[f'{n}.png'])) for n in ('mask', 'refined'))
    assert mask.getpalette() == voc_palette()
    np.testing.assert_array_equal(mask, [[7] * 4, [0] * 4, [0] * 4])
    np.testing.assert_array_equal(better, [[5] * 4, [5] * 4, [0] * 4])

    def table(name):
        return list(csv.reader(io.StringIO(files[name].decode(), newline='')))

    assert table('answers.csv') == [list(HEAD), list(rows[0])]
    assert table('classes.csv') == [['value', 'class'], ['5', 'cat'], ['7', 'été; "x"']]


def test_without_a_refiner_there_is_one_mask():
    maps = np.full((1, 2, 2), 0.6, np.float32)
    found = Found(np.zeros((2, 2, 3), np.uint8), (2, 2), ('cat',), np.array([4]), maps, maps)
    with zipfile.ZipFile(io.BytesIO(pack(found, 0.3, []))) as archive:
        assert archive.namelist() == ['answers.csv', 'as_read.png', 'classes.csv', 'mask.png']


@pytest.mark.parametrize('key', [4, 700])
@pytest.mark.parametrize('size', [(5, 7), (13, 16), (15, 21), (1000, 7), (3, 2)])
def test_masks_are_as_large_as_the_file(size, key):
    """Pillow's nearest neighbour is the other way to make them so."""
    maps = np.random.default_rng(0).random((1, 5, 7)).astype(np.float32)
    found = Found(np.zeros((5, 7, 3), np.uint8), size, ('cat',), np.array([key]), maps, maps)
    with zipfile.ZipFile(io.BytesIO(pack(found, 0.5, []))) as archive:
        mask = np.asarray(Image.open(io.BytesIO(archive.read('mask.png'))))
    small = Image.fromarray(found.mask(0.5, refined=False).astype(np.int32))
    wanted = small.resize(size[::-1], Image.Resampling.NEAREST)
    np.testing.assert_array_equal(mask, wanted)
    assert set(np.unique(mask)) == {0, key + 1}


def test_names_are_cells_and_never_files():
    maps = np.full((len(ODD_NAMES), 2, 2), 0.6, np.float32)
    keys = np.arange(len(ODD_NAMES))
    found = Found(np.zeros((2, 2, 3), np.uint8), (2, 2), ODD_NAMES, keys, maps, maps)
    rows = [(name, 'the object', f'What is {name}?', name) for name in ODD_NAMES]
    with zipfile.ZipFile(io.BytesIO(pack(found, 0.3, rows))) as archive:
        assert archive.namelist() == ['answers.csv', 'as_read.png', 'classes.csv', 'mask.png']
        text = archive.read('answers.csv').decode()
    assert list(csv.reader(io.StringIO(text, newline='')))[1:] == [list(row) for row in rows]
