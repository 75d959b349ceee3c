import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.ground_truth.colour_table import read_colour_table
from qaclims_mm.exchange.ground_truth.pixels import symbol_of

NAMES = ('cat', 'a, b')
RED = symbol_of(255, 0, 0)


def read(tmp_path, text, renamed=None):
    path = tmp_path / 'colours.csv'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_colour_table(path, NAMES, renamed or {})


@pytest.mark.parametrize(
    ('text', 'values', 'coloured'),
    [
        ('r,g,b,class\n255,0,0,cat\n0,0,0,background\n', {RED: 1, 0: 0}, True),
        ('\ufeffR;G;B;Class\r\n255;0;0;cat\r\n\r\n', {RED: 1}, True),
        ('red,green,blue,class\n1,2,3,"a, b"', {symbol_of(1, 2, 3): 2}, True),
        ('colour,class\n#ff0000,cat\n00FF00,ignore\n', {RED: 1, symbol_of(0, 255, 0): 255}, True),
        ('value,class\n8,cat\n1000,puss\n', {8: 1, 1000: 1}, False),
    ],
)
def test_tables(tmp_path, text, values, coloured):
    assert read(tmp_path, text, {'puss': 'cat'}) == (values, coloured)


def test_a_class_that_is_called_as_a_word_of_ours(tmp_path):
    (tmp_path / 'c.csv').write_text('value,class\n3,ignore\n')
    assert read_colour_table(tmp_path / 'c.csv', ['cat', 'ignore'], {}).values == {3: 2}


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', r'the first line must be the header r,g,b,class \(such as'),
        ('255,0,0,cat\n', 'the first line must be the header'),
        ('r,g,b,class\n256,0,0,cat', r"csv:2: '256' is no whole number from 0 to 255"),
        ('r,g,b,class\n-1,0,0,cat', r"csv:2: '-1' is no whole number"),
        ('r,g,b,class\n٣,0,0,cat', 'is no whole number'),
        ('r,g,b,class\n255,0,cat', 'csv:2: 3 fields, but the header has 4'),
        ('value,class\n3,[/b]', r"csv:2: '\[/b\]' is no class of the project, nor background or"),
        ('colour,class\nred,cat', "csv:2: a colour is written #rrggbb, not 'red'"),
        ('value,class\n3,cat\n3,ignore', 'csv:3: 3 stands twice with different classes'),
        (b'value,class\n3,\xe9t\xe9', 'is not UTF-8; save it as such'),
    ],
)
def test_tables_that_are_wrong(tmp_path, text, message):
    with pytest.raises(FormatError, match=message):
        read(tmp_path, text)


def test_no_table(tmp_path):
    with pytest.raises(FormatError, match='gone is missing; give a CSV file with r,g,b,class'):
        read_colour_table(tmp_path / 'gone', NAMES, {})
