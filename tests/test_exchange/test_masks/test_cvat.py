import json
import re
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from tiny_masks import CLASSES, shown

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.exchange.masks.reading import read_masks

IMAGE = '<image id="0" name="images/p0.jpg" width="8" height="6">{}</image>'
SQUARE = '<polygon label="dog" points="1,1;4,1;4,3;1,3" z_order="{}"/>'


def write(path, *images):
    path.write_text(f'<?xml version="1.0"?><annotations>{"".join(images)}</annotations>')
    return path


def by_hand(shape, size):
    """Fill a shape at eight times the size, and look at the centres of pixels."""
    if shape.tag == 'mask':
        left, top, width, height = (int(shape.get(k)) for k in ('left', 'top', 'width', 'height'))
        runs = [int(n) for n in shape.get('rle').split(', ')]
        flat = [n % 2 for n, run in enumerate(runs) for _ in range(run)]
        filled = np.zeros(size, bool)
        filled[top : top + height, left : left + width] = np.reshape(flat, (height, width))
        return filled
    points = np.array([p.split(',') for p in shape.get('points').split(';')], float)
    large = np.zeros((8 * size[0], 8 * size[1]), np.uint8)
    cv2.fillPoly(large, [np.round(points * 8 - 0.5).astype(np.int32)], 1)
    return large[3::8, 3::8] > 0


@pytest.mark.parametrize('rle', [False, True])
def test_another_rasteriser_makes_the_same_masks(exported, rle):
    out, masks = exported('cvat', rle=rle)
    root = ElementTree.parse(out / 'annotations.xml').getroot()  # noqa: S314
    assert [name.text for name in root.findall('meta/task/labels/label/name')] == [*CLASSES]
    images = root.findall('image')
    assert len(images) == len(masks)
    for image in images:
        mask = shown(masks[image.get('name').rpartition('.')[0]])
        found = np.zeros_like(mask)
        assert (int(image.get('height')), int(image.get('width'))) == mask.shape
        for shape in image:
            assert shape.tag == ('mask' if rle else 'polygon')
            found[by_hand(shape, mask.shape)] = CLASSES.index(shape.get('label')) + 1
        np.testing.assert_array_equal(found, mask)


def test_labels_to_paste(exported):
    out, _ = exported('cvat')
    labels = json.loads((out / 'labels.json').read_text(encoding='utf-8'))
    assert [label['name'] for label in labels] == [*CLASSES]
    root = ElementTree.parse(out / 'annotations.xml').getroot()  # noqa: S314
    colours = [colour.text for colour in root.findall('meta/task/labels/label/color')]
    assert [label['color'] for label in labels] == colours
    assert all(re.fullmatch('#[0-9a-f]{6}', colour) for colour in colours)
    assert all({*label} == {'name', 'color', 'attributes'} for label in labels)


def test_no_frame_of_a_task_has_the_number_of_an_image(exported):
    out, masks = exported('cvat')
    root = ElementTree.parse(out / 'annotations.xml').getroot()  # noqa: S314
    numbers = [int(image.get('id')) for image in root.findall('image')]
    assert len(set(numbers)) == len(masks)
    assert max(numbers) < 0


BRACES = ('a,}', 'b, }', '{"x": 1,  }', 'c}', '\\,}"', '} ,}')


def test_names_survive_the_raw_editor(exported):
    out, _ = exported('cvat', classes=BRACES)
    text = (out / 'labels.json').read_text(encoding='utf-8')
    # it removes commas before closing braces, also those of names
    edited = re.sub(r',\s*}', '}', text)
    assert edited == text
    assert [label['name'] for label in json.loads(edited)] == [*BRACES]


@pytest.mark.parametrize('name', ['x' * 64, 'é' * 64, '🐕' * 64, 'a  b'])
def test_names_that_cvat_keeps(exported, name):
    out, _ = exported('cvat', classes=(name, 'b', 'c'))
    labels = json.loads((out / 'labels.json').read_text(encoding='utf-8'))
    assert labels[0]['name'] == name


LONG = 'it has 65 characters, and CVAT allows 64'
BLANK = 'it starts or ends with a blank, which CVAT removes'
NAMES = [('x' * 65, LONG), ('🐕' * 65, LONG), ('é' * 65, LONG)]
NAMES += [(name, BLANK) for name in ('a\xa0', '\xa0a', '\u3000a', 'a\u2003', ' a')]


@pytest.mark.parametrize(('name', 'message'), NAMES)
def test_names_that_cvat_refuses_or_changes(exported, name, message):
    with pytest.raises(ConfigError, match=message):
        exported('cvat', classes=('b', name, 'c'))


def test_what_cvat_writes(tmp_path, read):
    mask = '<mask label="cat" rle="0, 1, 2, 1" left="6" top="4" width="2" height="2" z_order="0"/>'
    path = write(
        tmp_path / 'x.xml',
        '<version>1.1</version><meta><task><labels/></task></meta>',
        IMAGE.format(SQUARE.format(0) + mask),
        '<image id="1" name="p1.jpg" width="8" height="6"></image>',
    )
    found, problems = read(path)
    assert problems == [f"{path}: image 'p1' has no region: it is read as background"]
    assert (found['p0'][1:3, 1:4] == 2).all()
    assert found['p0'][4:, 6:].tolist() == [[1, 0], [0, 1]]
    assert not found['p1'].any()


def test_images_of_tags_and_boxes_are_left_out(tmp_path, read):
    box = '<box label="dog" xtl="1" ytl="1" xbr="2" ybr="2"/>'
    path = write(
        tmp_path / 'x.xml',
        IMAGE.format('<tag label="dog"/>'),
        IMAGE.replace('p0', 'p1').format(box),
    )
    found, problems = read(path)
    assert not found
    assert len(problems) == 4
    assert (
        problems[1] == f"{path}: image 'p0' has no region that is a mask of a class; it is left out"
    )


@pytest.mark.parametrize(('low', 'high'), [(0, 2), (-1, 0), (-3, -1)])
def test_the_shape_in_front_wins(tmp_path, read, low, high):
    front, back = SQUARE.format(high), SQUARE.format(low).replace('dog', 'cat')
    for shapes in (front + back, back + front):
        found, _ = read(write(tmp_path / 'x.xml', IMAGE.format(shapes)))
        assert set(np.unique(found['p0'])) == {0, 2}


SHAPES = {
    'box': ('<box label="dog" xtl="1" ytl="1" xbr="2" ybr="2"/>', 'it is no mask; draw a polygon'),
    'line': ('<polyline label="dog" points="1,1;2,2"/>', 'it is no mask'),
    'two points': ('<polygon label="dog" points="1,1;2,2"/>', 'it is no polygon of x and y'),
    'no points': ('<polygon label="dog"/>', 'its points are not pairs of numbers'),
    'three numbers': (
        '<polygon label="dog" points="1,1,1;2,2,2;3,3,3"/>',
        'it is no polygon of x and y',
    ),
    'ragged': ('<polygon label="dog" points="1,1;2;3,3"/>', 'its points are not pairs'),
    'infinite': ('<polygon label="dog" points="1,1;2,inf;3,3"/>', 'a number is not finite'),
    'no size': ('<mask label="dog" rle="1" left="0" top="0"/>', 'it needs left, top, width'),
    'outside': (
        '<mask label="dog" rle="1" left="8" top="0" width="1" height="1"/>',
        'it is not inside its image',
    ),
    'runs': (
        '<mask label="dog" rle="1, 9999999999999999999999" left="0" top="0" width="2" height="1"/>',
        'its runs are not of 2 pixels',
    ),
    'no runs': ('<mask label="dog" left="0" top="0" width="2" height="1"/>', 'it has no pixels'),
    'erased': (
        '<mask label="dog" rle="" left="0" top="0" width="1" height="1"/>',
        'it has no pixels',
    ),
    'words': (
        '<mask label="dog" rle="1, x" left="0" top="0" width="2" height="1"/>',
        'its runs are not whole numbers',
    ),
}


@pytest.mark.parametrize(('shape', 'message'), SHAPES.values(), ids=SHAPES)
def test_a_bad_shape_costs_itself(tmp_path, read, shape, message):
    path = write(tmp_path / 'x.xml', IMAGE.format('<tag label="dog"/>' + shape + SQUARE.format(0)))
    found, problems = read(path)
    assert (found['p0'] == 2).sum() == 6
    [problem] = problems
    assert problem.startswith(f'{path}, image p0, ')
    assert message in problem


def test_bad_images(tmp_path, read):
    other = IMAGE.format('').replace('p0', 'p1').replace('"6"', '"7"')
    path = write(tmp_path / 'x.xml', IMAGE.format(''), IMAGE.format(''), other, '<image/>')
    found, problems = read(path)
    assert set(found) == {'p0'}
    words = ('read as background', 'stands in', '8 x 7', "''")
    assert all(w in p for w, p in zip(words, problems, strict=True))


FILES = {
    'video': ('<annotations><track id="0"/></annotations>', 'is an export of a video'),
    'VOC': ('<annotation><object/></annotation>', r'is no XML of CVAT \(boxes of VOC'),
    'page': ('<html></html>', 'is no XML of CVAT; export'),
    'cut': ('<annotations><image>', 'is no valid XML'),
    'bomb': (
        '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
        + ''.join(
            f'<!ENTITY {n} "{f"&{m};" * 10}">' for m, n in zip('abcdefgh', 'bcdefghi', strict=True)
        )
        + ']><annotations>&i;</annotations>',
        'is no valid XML',
    ),
    'other file': (
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations>&x;</annotations>',
        'is no valid XML',
    ),
}


@pytest.mark.parametrize(('text', 'message'), FILES.values(), ids=FILES)
def test_other_files(tmp_path, text, message):
    path = tmp_path / 'x.xml'
    path.write_text(text)
    with pytest.raises(FormatError, match=message):
        [*read_masks(path, {'p0': (6, 8)}, ['dog'], [])]
