import base64
import io
import json

import numpy as np
import pytest
import supervision as sv
from PIL import Image, ImageDraw
from tiny_masks import CLASSES, shown

from qaclims_mm.exchange.masks.labelme import is_labelme

SQUARE = dict(label='dog', points=[[1, 1], [3, 1], [3, 2], [1, 2]], shape_type='polygon')


def write(path, shapes, image='p0.jpg', height=6, width=8):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = dict(shapes=shapes, imagePath=image, imageHeight=height, imageWidth=width)
    path.write_text(json.dumps(content))
    return path


def by_labelme(shape, size):
    """Fill a shape as labelme does."""
    if shape['shape_type'] == 'mask':
        filled = np.zeros(size, bool)
        (x1, y1), (x2, y2) = shape['points']
        with Image.open(io.BytesIO(base64.b64decode(shape['mask']))) as image:
            filled[y1 : y2 + 1, x1 : x2 + 1] = np.asarray(image)
        return filled
    image = Image.new('L', size[::-1])
    ImageDraw.Draw(image).polygon([tuple(p) for p in shape['points']], outline=1, fill=1)
    return np.asarray(image) > 0


@pytest.mark.parametrize('rle', [False, True])
@pytest.mark.parametrize('copy_images', [False, True])
def test_labelme_makes_the_same_masks(exported, rle, copy_images):
    out, masks = exported('labelme', rle=rle, copy_images=copy_images)
    files = sorted(out.rglob('*.json'))
    assert len(files) == len(masks)
    for path in files:
        content = json.loads(path.read_text(encoding='utf-8'))
        assert content['imageData'] is None
        image = path.parent / content['imagePath']
        assert image.is_file()
        assert (image.parent == path.parent) == copy_images
        mask = shown(masks[path.relative_to(out).with_suffix('').as_posix()])
        assert (content['imageHeight'], content['imageWidth']) == mask.shape
        found = np.zeros_like(mask)
        for shape in content['shapes']:
            found[by_labelme(shape, mask.shape)] = CLASSES.index(shape['label']) + 1
        np.testing.assert_array_equal(found, mask)


def test_supervision_makes_the_same_masks(exported):
    out, masks = exported('labelme', copy_images=True)
    dataset = sv.DetectionDataset.from_labelme(str(out), str(out))
    assert set(dataset.classes) == set(CLASSES)
    for path, _, detections in dataset:
        mask = shown(masks[path.removeprefix(f'{out}/').rpartition('.')[0]])
        found = np.zeros_like(mask)
        for pixels, k in zip(detections.mask, detections.class_id, strict=True):
            found[pixels] = CLASSES.index(dataset.classes[k]) + 1
        np.testing.assert_array_equal(found, mask)


def test_what_labelme_writes(tmp_path, read):
    write(tmp_path / 'a/p0.json', [SQUARE], '../images/p0.jpg')
    write(
        tmp_path / 'a/other name.json', [dict(SQUARE, label='_background_')], '..\\images\\p1.jpg'
    )
    (tmp_path / 'a/labels.txt').write_text('dog')
    found, problems = read(tmp_path)
    assert not problems
    assert (found['p0'][1:3, 1:4] == 2).all()
    assert (found['p0'] > 0).sum() == 6
    assert not found['p1'].any()
    # one file is enough
    assert set(read(tmp_path / 'a/p0.json')[0]) == {'p0'}


BOX = dict(SQUARE, shape_type='mask', points=[[1, 1], [3, 2]])
PIXEL = base64.b64encode(
    bytes.fromhex(
        '89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c63f8'
        '0f0001010100c0d0a1a60000000049454e44ae426082'
    )
).decode()
SHAPES = {
    'box': (dict(SQUARE, shape_type='rectangle'), "'rectangle' is no mask; draw a polygon"),
    'corners': (dict(BOX, points=[[1, 1]]), 'it needs two points of x and y'),
    'no label': ({'points': []}, 'it has no label'),
    'number': (dict(SQUARE, label=3), 'it has no label'),
    'list': ([], 'it has no label'),
    'points': (dict(SQUARE, points=[[1, 2]]), 'it is no polygon of x and y of 3 points or more'),
    'null': (dict(SQUARE, points=None), 'it is no polygon of x and y of 3 points or more'),
    'infinite': (dict(SQUARE, points=[[1, 2], [3, 4], [5, float('nan')]]), 'is not finite'),
    'no pixels': (dict(BOX), 'it has no pixels'),
    'no base64': (dict(BOX, mask='@'), 'its pixels are no base64'),
    'no image': (dict(BOX, mask='AAAA'), 'cannot identify image file'),
    'size': (dict(BOX, mask=PIXEL), 'its pixels are not of its size'),
    'outside': (
        dict(BOX, mask=PIXEL, points=[[8, 0], [8, 0]]),
        'it is not inside its image',
    ),
}


@pytest.mark.parametrize(('shape', 'message'), SHAPES.values(), ids=SHAPES)
def test_a_bad_shape_costs_itself(tmp_path, read, shape, message):
    path = write(tmp_path / 'p0.json', [shape, SQUARE])
    found, problems = read(tmp_path)
    assert (found['p0'] == 2).sum() == 6
    [problem] = problems
    assert problem.startswith(f'{path}, shape 1: ')
    assert message in problem


def test_bad_files(tmp_path, read):
    write(tmp_path / 'p0.json', [SQUARE], height=7)
    write(tmp_path / 'p1.json', [SQUARE])
    write(tmp_path / 'x/p1.json', [])
    (tmp_path / 'a.json').write_text('{')
    (tmp_path / 'b.json').write_text('{}')
    found, problems = read(tmp_path)
    assert set(found) == {'p1'}
    for problem, words in zip(
        problems,
        ('a.json is not valid JSON', 'no shapes', '8 x 7 pixels', 'stands in'),
        strict=True,
    ):
        assert words in problem


def test_recognised(tmp_path):
    assert is_labelme(write(tmp_path / 'a.json', []))
    (tmp_path / 'b.json').write_text('[]')
    assert not is_labelme(tmp_path / 'b.json')
    assert not is_labelme(tmp_path / 'c.json')
