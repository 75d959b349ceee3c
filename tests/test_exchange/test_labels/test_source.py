import re

import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.source import Source

BAD_LABELS = {
    'file separator': ('cat\x1cdog', 'control'),
    'at the end': ('cat\x1f', 'control'),
    'vertical tab': ('cat\x0bdog', 'control'),
    'form feed': ('\x0ccat', 'control'),
    'next line': ('cat\x85', 'control'),
    'tab inside': ('cat\tdog', 'control'),
    'line break inside': ('cat\ndog', 'control'),
    'line separator': ('\u2028cat', 'line separator'),
    'paragraph separator': ('cat\u2029', 'paragraph separator'),
    'nothing but a control': ('\x1d', 'control'),
    'byte order mark': ('\ufeff', 'empty'),
    'zero width': ('\u200b\u200d', 'empty'),
    'zero width inside': ('ca\u200bt', r'U\+200B'),
}


@pytest.mark.parametrize(('label', 'reason'), BAD_LABELS.values(), ids=BAD_LABELS)
def test_a_label_is_refused_and_not_cleaned(label, reason):
    source = Source('labels')
    source.add('a.jpg', [label], 'x.csv:2')
    source.add('b.jpg', [' \t\ncat\r\n', 'potted \u3000 plant'], 'x.csv:3')
    assert source.rows == {'b.jpg': ['cat', 'potted plant']}
    [problem] = source.problems
    assert re.match(rf"x\.csv:2: label '.*': .*{reason}.*; left out$", problem)


def test_one_line_for_each_kind_of_problem():
    source = Source('labels')
    source.add('', ['cat'], '/data/x.csv:2')
    for line, label in enumerate(['ca\x00t', 'd\x00og', 'c\u200bow'], start=3):
        source.add('a.jpg', [label], f'/data/x.csv:{line}')
    for line in range(6, 16):
        source.add(' ', [], f'/data/x.csv:{line}')
    assert source.problems == [
        '/data/x.csv:2: no image is named; the row is left out (10 more of this kind: x.csv:6, '
        'x.csv:7, x.csv:8 ..)',
        r"/data/x.csv:3: label 'ca\x00t': it has a control character; left out (1 more of this "
        'kind: x.csv:4)',
        r"/data/x.csv:5: label 'c\u200bow': it has the invisible character U+200B; left out",
    ]


def test_joined_sources():
    both, first, other = Source('both'), Source('one'), Source('two')
    first.add('a.jpg', ['cat'], 'x:1')
    other.add('a.jpg', ['dog'], 'y:1')
    other.add('', [], 'y:2')
    other.notes.append('note')
    other.remarks.append('remark')
    both.take(first)
    both.take(other, 'sub')
    both.take(first)
    assert both.rows == {'a.jpg': ['cat'], 'sub/a.jpg': ['dog']}
    assert both.places == {'a.jpg': 'x:1', 'sub/a.jpg': 'y:1'}
    assert (both.again, both.notes, both.remarks) == (['x:1'], ['note'], ['remark'])
    assert both.problems == other.problems


def test_an_export_without_labels_is_refused():
    source = Source("CVAT's XML")
    with pytest.raises(
        FormatError, match=r"^x\.xml is CVAT's XML, but it names no image; add tags\.$"
    ):
        source.check_labelled('x.xml', 'add tags')
    source.add('a.jpg', [], 'x:1')
    with pytest.raises(FormatError, match='but its 1 image has no label; add tags'):
        source.check_labelled('x.xml', 'add tags')
    source.add('b.jpg', ['c\0t'], 'x:2')
    # the line of what is left out says more
    source.check_labelled('x.xml', 'add tags')
