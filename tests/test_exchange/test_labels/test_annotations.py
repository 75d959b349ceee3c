import json
import os
import re

import pytest
from PIL import Image

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.reading import read_source


def write(path, text, encoding='utf-8'):
    path.write_text(text, encoding=encoding)
    return path


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', (4, 3)).save(path)


def coco(**changes):
    content = dict(
        images=[dict(id=1, file_name='a.jpg'), dict(id=2, file_name='sub/b.jpg')],
        categories=[dict(id=7, name='cat'), dict(id=9, name='dog')],
        annotations=[
            dict(id=1, image_id=1, category_id=7),
            dict(id=2, image_id=1, category_id=9),
            dict(id=3, image_id=1, category_id=7),
        ],
    )
    return json.dumps(content | changes)


def test_coco(tmp_path):
    found = read_source(write(tmp_path / 'x.json', coco()), tmp_path)
    assert found.rows == {'a.jpg': ['cat', 'dog'], 'sub/b.jpg': []}
    assert found.problems == []


def test_coco_with_unknown_entries(tmp_path):
    text = coco(annotations=[dict(id=5, image_id=3, category_id=7)])
    found = read_source(write(tmp_path / 'x.json', text), tmp_path)
    assert 'annotation 0 (id 5): its category or image is none of the file' in found.problems[0]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{', 'x.json is no valid JSON'),
        ('[' * 200_000, 'x.json is nested too deeply'),
        ('{"a":' * 200_000, 'x.json is nested too deeply'),
        ('[]', 'is not a file of COCO instances: it has no list of images; it needs images, cat'),
        (coco(categories=None), 'it has no list of categories'),
        (coco(images=[{}]), r'entry 0 of images needs id, a number or a text, but is \{\}\.'),
        (coco(images=[dict(id=1, file_name=3)]), 'entry 0 of images needs file_name, a text, but'),
        (coco(annotations=['cat']), 'entry 0 of annotations needs image_id'),
    ],
)
def test_no_coco(tmp_path, text, message):
    with pytest.raises(FormatError, match=message):
        read_source(write(tmp_path / 'x.json', text), tmp_path)


XML = '<annotation><filename>{}</filename><object><name>cat</name></object></annotation>'


def test_voc(tmp_path):
    for name in ('a.jpg', 'sub/b.png'):
        picture(tmp_path / 'images' / name)
    (tmp_path / 'xml').mkdir()
    write(tmp_path / 'xml/a.xml', XML.format('a.jpg'))
    write(tmp_path / 'xml/b.xml', XML.format(''))
    write(tmp_path / 'xml/c.xml', XML.format('gone.jpg'))
    write(tmp_path / 'xml/d.xml', '<annotation>')
    found = read_source(tmp_path / 'xml', tmp_path / 'images')
    assert found.rows == {'a.jpg': ['cat'], 'sub/b.png': ['cat'], 'gone.jpg': ['cat']}
    [problem] = found.problems
    assert 'd.xml: no valid XML' in problem


def encoded(encoding, label):
    """Return an XML file in an encoding; in UTF-8 if there is no such."""
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + XML.replace('cat', label)
    try:
        return text.format('').encode(encoding)
    except LookupError:
        return text.format('').encode()


def test_voc_in_other_encodings(tmp_path):
    (tmp_path / 'xml').mkdir()
    for encoding in ('shift_jis', 'utf-7', 'euc_kr', 'gb18030', 'utf-16', 'latin-1'):
        label = 'rød' if encoding == 'latin-1' else '人'
        (tmp_path / f'xml/{encoding}.xml').write_bytes(encoded(encoding, label))
    for encoding in ('hex', 'nosuch', 'zlib', 'rot13'):
        (tmp_path / f'xml/{encoding}.xml').write_bytes(encoded(encoding, 'cat'))
    (tmp_path / 'xml/cut.xml').write_bytes(encoded('shift_jis', '人').replace(b'</name>', b'\x81'))
    os.mkfifo(tmp_path / 'xml/pipe.xml')
    found = read_source(tmp_path / 'xml', tmp_path)
    labels = {image: labels for image, [labels] in found.rows.items()}
    assert labels.pop('latin-1') == 'rød'
    assert set(labels.values()) == {'人'}
    assert len(labels) == 5
    names = ['cut', 'hex', 'nosuch', 'pipe', 'rot13', 'zlib']
    assert [re.search(r'(\w+)\.xml: no valid XML', p)[1] for p in found.problems] == names
