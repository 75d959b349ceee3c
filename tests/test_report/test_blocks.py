import base64

import pytest

from qaclims_mm.report.blocks import MissingError, Picture, Section


def test_uri_holds_the_file():
    picture = Picture(b'\x00\xffbytes', 'image/png', (1, 2), 'alt', 'caption')
    head, _, content = picture.uri.partition(',')
    assert head == 'data:image/png;base64'
    assert base64.b64decode(content) == b'\x00\xffbytes'


@pytest.mark.parametrize(
    ('title', 'anchor'),
    [('The numbers', 'the-numbers'), ('Omega, the ratio', 'omega-the-ratio'), ('"><b>', 'b')],
)
def test_anchor(title, anchor):
    assert Section(title, []).anchor == anchor


def test_missing():
    error = MissingError('no maps; run', 'python x')
    assert (str(error), error.message, error.command) == (
        'no maps; run',
        'no maps; run',
        'python x',
    )
    assert MissingError('no maps').command == ''
