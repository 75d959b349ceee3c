import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels import xml_stream
from qaclims_mm.exchange.labels.xml_stream import read_elements, root_of

TEXT = '<?xml version="1.0"?><a x="1"><b>猫<c y="2">ö</c> z</b> <d/><!-- e --><b/></a>\n'


@pytest.mark.parametrize('chunk', [1, 5, 1 << 20])
def test_elements(tmp_path, monkeypatch, chunk):
    content = TEXT.encode()
    parts = [content[k : k + chunk] for k in range(0, len(content), chunk)]
    path = tmp_path / 'x.xml'
    path.write_bytes(content)
    monkeypatch.setattr(xml_stream, 'read_chunks', lambda _: iter(parts))
    root, b, d, last = read_elements(path)
    assert (root.tag, root.attrib, len(root)) == ('a', {'x': '1'}, 0)
    assert (b.text, b[0].get('y'), b[0].text, b[0].tail) == ('猫', '2', 'ö', ' z')
    assert (d.tag, last.tag, len(last)) == ('d', 'b', 0)


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('', 'no element found'),
        ('<a>', 'no element found'),
        ('<a/><b/>', 'junk after document element'),
        ('<a>' * 101 + '</a>' * 101, 'it is nested too deeply'),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a/>', 'it uses entities of its own'),
        ('<a>&x;</a>', 'undefined entity'),
        ('<?xml version="1.0" encoding="zlib"?><a/>', 'is not a text encoding'),
        ('<?xml version="1.0" encoding="nosuch"?><a/>', 'unknown encoding'),
    ],
)
def test_no_xml(tmp_path, text, reason):
    path = tmp_path / 'x.xml'
    path.write_text(text)
    with pytest.raises(FormatError) as refused:
        list(read_elements(path))
    assert str(refused.value).startswith(f'{path}: no valid XML (')
    assert reason in str(refused.value)


def test_roots(tmp_path):
    path = tmp_path / 'x.xml'
    # the rest need not be XML
    path.write_text('<a><b></a>')
    assert root_of(path) == 'a'
    path.write_text('cat')
    assert root_of(path) == root_of(tmp_path / 'gone.xml') == ''
