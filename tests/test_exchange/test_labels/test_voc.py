import os

import pytest
from PIL import Image

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.reading import read_source

XML = '<annotation><filename>{}</filename><object><name>cat</name></object></annotation>'


@pytest.fixture
def root(tmp_path):
    for name in ('a.jpg', 'sub/b.png'):
        path = tmp_path / 'images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (4, 3)).save(path)
    (tmp_path / 'xml').mkdir()
    return tmp_path


def read(root, **files):
    for name, content in files.items():
        content = content if isinstance(content, bytes) else content.encode()
        (root / f'xml/{name}.xml').write_bytes(content)
    return read_source(root / 'xml', root / 'images')


def test_voc(root):
    found = read(
        root,
        a=XML.format('a.jpg'),
        b=XML.format(''),
        c=XML.format('gone.jpg'),
        d='<annotation>',
    )
    assert found.rows == {'a.jpg': ['cat'], 'sub/b.png': ['cat'], 'gone.jpg': ['cat']}
    [problem] = found.problems
    assert problem.startswith(f'{root}/xml/d.xml: no valid XML (')


def test_one_file(root):
    (root / 'a.xml').write_text(XML.format('a.jpg'))
    assert read_source(root / 'a.xml', root / 'images').rows == {'a.jpg': ['cat']}


def test_files_beside_the_images(root):
    (root / 'images/sub/b.xml').write_text(XML.format('b.png'))
    found = read_source(root / 'images', root / 'images')
    assert found.rows == {'sub/b.png': ['cat']}


def encoded(encoding, label):
    """Return an XML file in an encoding; in UTF-8 if there is no such."""
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + XML.replace('cat', label)
    try:
        return text.format('').encode(encoding)
    except LookupError:
        return text.format('').encode()


@pytest.mark.parametrize(
    ('encoding', 'label'),
    [
        ('gb2312', '猫'),
        ('gb18030', '猫'),
        ('shift_jis', '人'),
        ('euc_kr', '人'),
        ('utf-7', '人'),
        ('utf-16', '人'),
        ('utf-8-sig', 'rød'),
        ('latin-1', 'rød'),
        ('windows-1251', 'кот'),
    ],
)
def test_encodings(root, encoding, label):
    assert read(root, a=encoded(encoding, label)).rows == {'a.jpg': [label]}


@pytest.mark.parametrize('encoding', ['utf-16-le', 'utf-16-be', 'utf-8'])
def test_encodings_that_are_not_declared(root, encoding):
    content = XML.replace('cat', '猫').format('a.jpg').encode(encoding)
    assert read(root, a=content).rows == {'a.jpg': ['猫']}


def test_letters_beyond_the_encoding_that_is_declared(root):
    # 镕 is in GBK, but not in GB2312; € is in Windows-1252, but not in Latin-1
    beyond = encoded('gb2312', '猫').replace('猫'.encode('gb2312'), '镕'.encode('gbk'))
    assert read(root, a=beyond).rows == {'a.jpg': ['镕']}
    assert read(root, a=encoded('latin-1', 'r').replace(b'>r<', b'>\x80<')).rows == {'a.jpg': ['€']}


def test_files_that_cannot_be_read_are_named_and_the_rest_is_read(root):
    bad = {name: encoded(name, 'cat') for name in ('hex', 'nosuch', 'zlib', 'rot13')}
    bad |= dict(cut=encoded('shift_jis', '人').replace(b'</name>', b'\x81'))
    bad |= dict(undeclared=XML.replace('cat', '人').format('').encode('gbk'))
    os.mkfifo(root / 'xml/pipe.xml')
    found = read(root, a=XML.format('a.jpg'), **bad)
    assert found.rows == {'a.jpg': ['cat']}
    [problem] = found.problems
    assert problem.startswith(f'{root}/xml/cut.xml: no valid XML (')
    assert (
        '; the image is left out (6 more of this kind: hex.xml, nosuch.xml, pipe.xml ..)' in problem
    )


def test_a_file_that_names_another_image_than_its_own(root):
    found = read(root, a=XML.format('b.png'))
    assert found.rows == {'a.jpg': ['cat']}
    [remark] = found.remarks
    assert 'a.xml: names image sub/b.png, but image a.jpg has its name' in remark


@pytest.mark.parametrize(
    'content',
    [
        '<!DOCTYPE annotation [<!ENTITY x "cat">]>' + XML.replace('cat', '&x;'),
        '<!DOCTYPE annotation SYSTEM "/etc/passwd">' + XML.replace('cat', '&x;'),
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + XML.replace('cat', '&x;'),
        '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]>' + XML.replace('cat', '&y;'),
    ],
)
def test_entities_are_refused(root, content):
    found = read(root, a=content, b=XML.format('b.png'))
    assert found.rows == {'sub/b.png': ['cat']}
    assert 'it uses entities of its own, which are not read' in found.problems[0]


def test_escaped_signs_are_read(root):
    found = read(root, a=XML.replace('cat', 'a &lt; b &amp; &#29483;'))
    assert found.rows == {'a.jpg': ['a < b & 猫']}


def test_no_file_has_a_label(root):
    with pytest.raises(FormatError, match="is VOC's XML files, but its 1 image has no lab"):
        read(root, a='<annotation><filename>a.jpg</filename></annotation>')
