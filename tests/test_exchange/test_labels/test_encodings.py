import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.encodings import decode_table

WHERE = 'x.csv'


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
def test_unicode(encoding):
    assert decode_table(WHERE, 'a;größe;猫\r\n\r'.encode(encoding)) == ('a;größe;猫\n\n', '')


@pytest.mark.parametrize('encoding', ['cp1252', 'latin-1'])
@pytest.mark.parametrize(
    'text', ['Datei;Müll', 'a;Größe', 'é', 'naïve – “x”', 'x;L’été', 'Österreich;ä']
)
def test_windows_is_read_with_a_note(encoding, text):
    try:
        content = ('a\n' + text).encode(encoding)
    except UnicodeEncodeError:
        content = ('a\n' + text).encode('cp1252')
    found, note = decode_table(WHERE, content)
    assert found == 'a\n' + text
    assert note.startswith('x.csv:2 is not UTF-8; the table is read as Windows-1252')


@pytest.mark.parametrize(
    ('text', 'encoding'),
    [
        ('a.jpg,人犬\nb.jpg,猫', 'gbk'),
        ('a.jpg,人', 'gb2312'),
        ('a.jpg,ネコ', 'shift_jis'),
        ('a.jpg,stół', 'cp1250'),
        ('a.jpg,人犬\nb.jpg,カメラ', 'shift_jis'),
        ('a.jpg,кошка\nb.jpg,собака', 'cp1251'),
        ('a.jpg,고양이', 'cp949'),
        ('a.jpg,кошка', 'koi8-r'),
        ('a.jpg,γάτα', 'cp1253'),
    ],
)
def test_other_encodings_are_refused(text, encoding):
    with pytest.raises(
        FormatError, match=r'x\.csv:1 is not UTF-8 \(byte 0x\w\w\); save the table as'
    ):
        decode_table(WHERE, text.encode(encoding))
