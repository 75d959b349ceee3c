import json

import pytest
from PIL import Image

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.reading import read_source


@pytest.fixture
def root(tmp_path):
    for name in ('a.jpg', 'sub/b.png', 'c.jpg'):
        path = tmp_path / 'images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (4, 3)).save(path)
    (tmp_path / 'labelme').mkdir()
    return tmp_path


def content(path='', *labels, **changes):
    shapes = [dict(label=label, points=[[1, 2], [3, 4]], flags={}) for label in labels]
    return dict(version='5.4.1', flags={}, shapes=shapes, imagePath=path, imageData=None) | changes


def read(root, **files):
    for name, value in files.items():
        text = value if isinstance(value, str) else json.dumps(value)
        (root / f'labelme/{name}.json').write_text(text, encoding='utf-8')
    return read_source(root / 'labelme', root / 'images')


def test_shapes_and_flags(root):
    ticked = dict(dog=True, cow=False, bus='yes')
    found = read(
        root,
        a=content('../images/a.jpg', 'cat', 'cat', 'potted plant'),
        b=content('..\\images\\sub\\b.png', flags=ticked),
        other=content('c.jpg', 7),
    )
    assert found.rows == {
        'a.jpg': ['cat', 'potted plant'],
        'sub/b.png': ['dog'],
        'c.jpg': ['7'],
    }
    assert found.problems == found.remarks == []


def test_files_beside_the_images(root):
    for name in ('a', 'sub/b'):
        (root / f'images/{name}.json').write_text(json.dumps(content('gone.jpg', 'cat')))
    found = read_source(root / 'images', root / 'images')
    assert found.rows == {'a.jpg': ['cat'], 'sub/b.png': ['cat']}


def test_one_file(root):
    (root / 'a.json').write_text(json.dumps(content('images/a.jpg', 'cat')))
    assert read_source(root / 'a.json', root / 'images').rows == {'a.jpg': ['cat']}


def test_bad_entries_cost_themselves(root):
    shapes = [dict(points=[]), 'cat', dict(label=None), dict(label='cat')]
    found = read(root, a=content('a.jpg', shapes=shapes), b='{', c='[1]', d=json.dumps(dict(x=1)))
    assert found.rows == {'a.jpg': ['cat']}
    shape, file = found.problems
    assert (
        'a.json, shape 0: the shape has no label; left out (2 more of this kind: a.json, sha'
        in shape
    )
    assert file.startswith(f'{root}/labelme/b.json: no file of labelme (Expecting')
    assert '(2 more of this kind: c.json, d.json)' in file


def test_parts_of_another_type_are_no_labels(root):
    bad = content('a.jpg', shapes='cat', flags=['dog'])
    assert read(root, a=bad, c=content(None, 'cow')).rows == {'a.jpg': [], 'c.jpg': ['cow']}


def test_two_files_that_claim_one_image(root):
    found = read(root, x=content('a.jpg', 'cat'), y=content('a.jpg', 'dog'))
    assert found.rows == {'a.jpg': ['cat', 'dog']}
    assert found.again == [f'{root}/labelme/y.json']


def test_no_file_has_a_label(root):
    with pytest.raises(FormatError, match=r'its 1 image has no label; draw shapes, or tick'):
        read(root, a=content('a.jpg'))
