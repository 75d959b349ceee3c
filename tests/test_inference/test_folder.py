import csv

import numpy as np

from qaclims_mm.inference.folder import MaskFolder
from qaclims_mm.inference.segmentation import Segmentation
from qaclims_mm.schemas import read_mask

CLASSES = ('background', '=1+1', 'a,b')


def found_of(mask):
    image = np.zeros((*mask.shape, 3), np.uint8)
    return Segmentation(image, mask, CLASSES)


def rows_of(path):
    with path.open(encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


def test_masks_and_tables(tmp_path):
    folder = MaskFolder(tmp_path, CLASSES, with_overlays=True)
    first = np.zeros((4, 6), np.uint8)
    first[:2, :3] = 1
    assert not folder.is_done('sub/a')
    folder.write('sub/a', found_of(first))
    folder.write('b', found_of(np.full((2, 2), 2, np.uint8)))
    assert folder.is_done('sub/a')
    assert np.array_equal(read_mask(folder.mask_path('sub/a')), first)
    folder.write_tables(['b', 'sub/a'])
    rows = rows_of(tmp_path / 'areas.csv')
    assert [list(row.values()) for row in rows] == [
        ['b', 'a,b', '2', '4', '100.0000'],
        ['sub/a', 'background', '0', '18', '75.0000'],
        ['sub/a', '=1+1', '1', '6', '25.0000'],
    ]
    sums = [list(row.values()) for row in rows_of(tmp_path / 'classes.csv')]
    assert sums == [
        ['0', 'background', '18', '1'],
        ['1', '=1+1', '6', '1'],
        ['2', 'a,b', '4', '1'],
    ]
    # of masks that were there before, the same
    before = (tmp_path / 'areas.csv').read_bytes()
    MaskFolder(tmp_path, CLASSES).write_tables(['b', 'sub/a'])
    assert (tmp_path / 'areas.csv').read_bytes() == before


def test_an_overlay_that_is_missing(tmp_path):
    MaskFolder(tmp_path, CLASSES).write('a', found_of(np.zeros((2, 2), np.uint8)))
    assert MaskFolder(tmp_path, CLASSES).is_done('a')
    assert not MaskFolder(tmp_path, CLASSES, with_overlays=True).is_done('a')


def test_values_without_a_name(tmp_path):
    folder = MaskFolder(tmp_path, CLASSES)
    folder.write('a', found_of(np.array([[255, 7]], np.uint8)))
    folder.write_tables(['a'])
    assert [row['class'] for row in rows_of(tmp_path / 'areas.csv')] == ['', '']
    assert [row['value'] for row in rows_of(tmp_path / 'classes.csv')] == [
        '0',
        '1',
        '2',
        '7',
        '255',
    ]
