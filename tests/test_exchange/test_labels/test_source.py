import re

import pytest

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
