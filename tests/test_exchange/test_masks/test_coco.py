import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from tiny_masks import CLASSES, shown

from qaclims_mm.exchange.masks.coco import INSTANCES, patches_of

SQUARE = [1, 1, 4, 1, 4, 3, 1, 3]
CATEGORIES = [dict(id=7, name='dog'), dict(id=1, name='cat'), dict(id=2, name='cow')]


def write(path, images, annotations, categories=CATEGORIES):
    path.write_text(json.dumps(dict(images=images, annotations=annotations, categories=categories)))
    return path


@pytest.mark.parametrize('rle', [False, True])
def test_pycocotools_makes_the_same_masks(exported, rle, capsys):
    out, masks = exported('coco', rle=rle)
    coco = COCO(out / INSTANCES)
    assert [c['name'] for c in coco.loadCats(coco.getCatIds())] == [*CLASSES]
    seen = 0
    for image in coco.loadImgs(coco.getImgIds()):
        image_id, _, suffix = image['file_name'].rpartition('.')
        assert suffix in ('jpg', 'PNG')
        found = np.zeros((image['height'], image['width']), int)
        for entry in coco.loadAnns(coco.getAnnIds(image['id'])):
            pixels = coco.annToMask(entry) > 0
            assert entry['area'] == pixels.sum()
            rows, columns = np.nonzero(pixels)
            left, top, width, height = entry['bbox']
            assert (left, top) == (columns.min(), rows.min())
            assert (left + width - 1, top + height - 1) == (columns.max(), rows.max())
            assert entry['iscrowd'] == 0
            found[pixels] = entry['category_id']
            seen += 1
        np.testing.assert_array_equal(found, shown(masks[image_id]))
    assert seen > 60


def test_what_other_tools_write(tmp_path, read):
    runs = [1, 2, 45]
    compressed = coco_mask.frPyObjects(dict(counts=[44, 3, 1], size=[6, 8]), 6, 8)
    path = write(
        tmp_path / 'x.json',
        [dict(id=1, file_name='images\\1/p0.jpg', height=6, width=8), dict(id='b', file_name='p1')],
        [
            dict(image_id=1, category_id=7, segmentation=[SQUARE, [6, 4, 8, 4, 8, 6, 6, 6]]),
            dict(image_id='b', category_id=1, segmentation=dict(counts=runs, size=[6, 8])),
            dict(
                image_id='b',
                category_id=7,
                segmentation=dict(counts=compressed['counts'].decode(), size=[6, 8]),
            ),
        ],
    )
    found, problems = read(path)
    assert not problems
    assert found['p0'].tolist() == [
        [0] * 8,
        [0, 2, 2, 2, 0, 0, 0, 0],
        [0, 2, 2, 2, 0, 0, 0, 0],
        [0] * 8,
        [0] * 6 + [2, 2],
        [0] * 6 + [2, 2],
    ]
    assert found['p1'][1:3, 0].tolist() == [1, 1]
    assert found['p1'][2:5, 7].tolist() == [2, 2, 2]
    assert (found['p1'] > 0).sum() == 5


def test_the_later_region_wins(tmp_path, read):
    entries = [
        dict(image_id=1, category_id=k, segmentation=[[x, 0, 4 + x, 0, 4 + x, 6, x, 6]])
        for k, x in ((7, 0), (1, 2))
    ]
    found, _ = read(write(tmp_path / 'x.json', [dict(id=1, file_name='p0.jpg')], entries))
    assert found['p0'][0].tolist() == [2, 2, 1, 1, 1, 1, 0, 0]


GOOD = dict(image_id=1, category_id=7, segmentation=[SQUARE])
ENTRIES = {
    'box': (dict(GOOD, segmentation=[]), 'it has no segmentation (a box is no mask)'),
    'null': (dict(GOOD, category_id=None), 'its category is none of the file'),
    'category': (dict(GOOD, category_id=99), 'its category is none of the file'),
    'list': (dict(GOOD, category_id=[7]), "unhashable type: 'list'"),
    'points': (dict(GOOD, segmentation=[[1, 2, 3, 4]]), 'it is no polygon of x and y of 3 points'),
    'odd': (dict(GOOD, segmentation=[[1, 2, 3, 4, 5, 6, 7]]), 'its polygon is not x, y'),
    'text': (dict(GOOD, segmentation=[['a'] * 6]), 'could not convert string to float'),
    'infinite': (dict(GOOD, segmentation=[[float('inf')] * 6]), 'a number is not finite'),
    'size': (dict(GOOD, segmentation=dict(counts=[48], size=[8, 6])), 'its size is not 6, 8'),
    'short': (dict(GOOD, segmentation=dict(counts=[4], size=[6, 8])), 'its runs are not of 48'),
    'huge': (
        dict(GOOD, segmentation=dict(counts=[1 << 70], size=[6, 8])),
        'its runs are not of 48 pixels',
    ),
    'letters': (
        dict(GOOD, segmentation=dict(counts='ooooooooooooooo', size=[6, 8])),
        'are no compressed run lengths',
    ),
    'foreign': (
        dict(GOOD, segmentation=dict(counts='é', size=[6, 8])),
        'are no compressed run lengths',
    ),
    'counts': (dict(GOOD, segmentation=dict(counts=4, size=[6, 8])), 'its counts are no run'),
}


@pytest.mark.parametrize(('entry', 'message'), ENTRIES.values(), ids=ENTRIES)
def test_a_bad_annotation_costs_itself(tmp_path, read, entry, message):
    path = write(
        tmp_path / 'x.json', [dict(id=1, file_name='p0.jpg', height=6, width=8)], [entry, GOOD]
    )
    found, problems = read(path)
    assert (found['p0'] == 2).sum() == 6
    [problem] = problems
    assert problem.startswith(f'{path}, annotation 0 (id None): ')
    assert message in problem
    assert problem.endswith('; left out')


def test_bad_images_and_strange_classes(tmp_path, read):
    images = [
        dict(id=1, file_name='p0.jpg', height=6, width=8),
        dict(id=2, file_name='p0.png'),
        dict(id=3, file_name='p1.jpg', height=8, width=6),
        dict(id=4, file_name='p7.jpg'),
        dict(id=5),
    ]
    cow = dict(GOOD, category_id=2)
    path = write(
        tmp_path / 'x.json',
        images,
        [cow, GOOD | dict(segmentation=[[0, 4, 3, 4, 3, 6, 0, 6]]), cow, dict(GOOD, image_id=9)],
    )
    found, problems = read(path)
    assert set(found) == {'p0'}
    assert (found['p0'] == 255).sum() == 6
    assert len(problems) == 6
    words = ("'cow' is none of the 2 classes", 'stands in', '6 x 8 pixels', 'is none of')
    words += ('no file_name', '1 annotation has an image that the file does not list (first: 3)')
    for problem, word in zip(problems, words, strict=True):
        assert word in problem


@pytest.mark.parametrize('seed', range(6))
def test_run_lengths_are_those_of_pycocotools(seed):
    rng = np.random.default_rng(seed)
    pixels = np.asfortranarray(rng.random((30, 40)) < rng.random(), dtype=np.uint8)
    counts = coco_mask.encode(pixels)['counts'].decode()
    found = np.zeros_like(pixels)
    [patch] = patches_of(dict(counts=counts, size=[30, 40]), (30, 40))
    patch.paint(found, 1)
    np.testing.assert_array_equal(found, pixels)
