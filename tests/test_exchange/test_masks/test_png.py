import csv

import numpy as np
import pytest
from PIL import Image
from tiny_masks import CLASSES, many_classes

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.masks.export import export_masks
from qaclims_mm.exchange.masks.reading import read_masks
from qaclims_mm.schemas import file_of, read_mask, voc_palette, write_mask

MASK = np.array([[0, 1, 2, 255]] * 6, np.uint8).repeat(2, axis=1)


def test_files_are_those_of_this_package(exported):
    out, masks = exported('png')
    for image_id, mask in masks.items():
        path = file_of(out, image_id, '.png')
        np.testing.assert_array_equal(read_mask(path), mask)
        with Image.open(path) as image:
            assert image.getpalette() == voc_palette()
    with (out / 'classes.csv').open(encoding='utf-8', newline='') as file:
        rows = [*csv.reader(file)]
    assert rows == [['value', 'class'], ['0', 'background']] + [
        [str(k), name] for k, name in enumerate(CLASSES, start=1)
    ]


def test_a_folder_without_a_table_has_the_values_of_the_project(tmp_path, read):
    write_mask(tmp_path / 'p0.png', MASK)
    Image.fromarray(MASK).save(tmp_path / 'p1.PNG'.lower())
    found, problems = read(tmp_path)
    assert not problems
    for mask in found.values():
        np.testing.assert_array_equal(mask, MASK)
    assert set(found) == {'p0', 'p1'}


BLACK_AND_WHITE = np.array([[0, 255]] * 6, np.uint8).repeat(4, axis=1)


@pytest.mark.parametrize('ones', [BLACK_AND_WHITE, np.full((6, 8), 255, np.uint8)])
def test_black_and_white_masks(tmp_path, ones):
    Image.fromarray(ones).save(tmp_path / 'a.png')
    problems = []
    [(_, mask)] = read_masks(tmp_path, {'a': ones.shape}, ['dog'], problems)
    np.testing.assert_array_equal(mask, ones // 255)
    assert not problems
    assert not [*read_masks(tmp_path, {'a': ones.shape}, ['dog', 'cat'], problems)]
    assert problems[0].startswith(f'{tmp_path / "a.png"}: has only the values 0 and 255')


def test_black_and_white_masks_beside_a_table_are_ignored_pixels(tmp_path):
    Image.fromarray(BLACK_AND_WHITE).save(tmp_path / 'a.png')
    (tmp_path / 'classes.csv').write_text('value,class\n0,background\n1,dog\n')
    problems = []
    [(_, mask)] = read_masks(tmp_path, {'a': BLACK_AND_WHITE.shape}, ['dog'], problems)
    np.testing.assert_array_equal(mask, BLACK_AND_WHITE)


def test_a_table_says_what_values_mean(tmp_path, read):
    write_mask(tmp_path / 'masks/p0.png', MASK)
    # further columns are those of qaclims predict
    table = 'value,class,pixels\n0,background,1\n1,dog,2\n2,cow,3\n'
    (tmp_path / 'classes.csv').write_text(table)
    found, problems = read(tmp_path)
    assert np.unique(found['p0']).tolist() == [0, 2, 255]
    assert (found['p0'] == 255).sum() == 24
    assert problems == [
        f"{tmp_path / 'classes.csv'}, value 2: 'cow' is none of the 2 classes; its pixels are "
        'ignored, here and wherever else it stands'
    ]


def test_a_table_of_many_classes(tmp_path):
    names, mask = many_classes(300)
    write_mask(tmp_path / 'masks/a.png', mask)
    (tmp_path / 'a.jpg').touch()
    images = {'a': tmp_path / 'a.jpg'}
    export_masks(tmp_path / 'masks', images, names, tmp_path / 'out', 'png')
    problems = []
    [(_, found)] = read_masks(tmp_path / 'out', {'a': mask.shape}, names[:254][::-1], problems)
    assert set(np.unique(found)) == {0, 1, 254, 255}
    assert 'class 299' in problems[-1]
    assert not [p for p in problems if 'nobody' in p]


@pytest.mark.parametrize('table', ['a,b\n0,1\n', 'value,class\n1,dog\n', 'value\n0\n', b'\xff'])
def test_broken_tables(tmp_path, read, table):
    write_mask(tmp_path / 'p0.png', MASK)
    (tmp_path / 'classes.csv').write_bytes(table if isinstance(table, bytes) else table.encode())
    with pytest.raises(FormatError, match=r'classes\.csv'):
        read(tmp_path)


def test_bad_masks(tmp_path, read):
    write_mask(tmp_path / 'a/p0.png', MASK)
    write_mask(tmp_path / 'b/p0.png', MASK)
    write_mask(tmp_path / 'p1.png', MASK.T)
    write_mask(tmp_path / 'p2.png', MASK + 1)
    (tmp_path / 'p3.png').write_bytes(b'x')
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(tmp_path / 'p4.png')
    write_mask(tmp_path / 'p9.png', MASK)
    found, problems = read(tmp_path, [f'p{n}' for n in range(5)])
    assert set(found) == {'p0'}
    words = (
        'stands in',
        '6 x 8 pixels',
        'value 3, but the number of classes is 2',
        'not a readable',
    )
    words += ('its mode is RGB', 'is none of the images')
    assert all(w in p for w, p in zip(words, problems, strict=True))
