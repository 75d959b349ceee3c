from contextlib import ExitStack

import pytest

from qaclims_mm.exchange.masks.export import FORMATS, _writer_class
from qaclims_mm.exchange.masks.formats import (
    Options,
    Picture,
    colour_of,
    hex_colour,
    problem_of_markup,
)
from qaclims_mm.visualization.colours import page_colours


def test_picture(tmp_path):
    assert Picture('a/b.c', tmp_path / 'x/b.c.JPG', 1).name == 'a/b.c.JPG'


def test_colours_of_files_and_of_tools_differ():
    assert [colour_of(v) for v in (0, 1, 15)] == [(0, 0, 0), (128, 0, 0), (192, 128, 128)]
    assert len({colour_of(v) for v in range(256)}) == 256
    # those of the report, in which a dog is no grey
    pages = [f'#{r:02x}{g:02x}{b:02x}' for r, g, b in page_colours()]
    assert [hex_colour(v) for v in range(256)] == pages
    assert len({*pages}) == 256
    assert (hex_colour(1), hex_colour(7), hex_colour(257)) == ('#800000', '#f00020', '#800000')
    assert colour_of(257) == colour_of(1)


def test_characters_that_xml_and_yaml_lack():
    assert problem_of_markup('a\uffff') == 'it has the character U+FFFF'
    assert not problem_of_markup('</label> {x} 🐕 "a\'')


@pytest.mark.parametrize('name', FORMATS)
def test_writers_say_what_they_write(name, tmp_path):
    with ExitStack() as stack:
        writer = _writer_class(name)(Options(tmp_path, {1: 'dog'}), stack)
        picture = Picture('a/b', tmp_path / 'b.jpg', 1)
        assert writer.shared or writer.file_of(picture)
        assert writer.copy_of(picture).endswith('a/b.jpg')
        assert not writer.problem_of_class('a dog')
        writer.copy  # noqa: B018 - it is that of the base
