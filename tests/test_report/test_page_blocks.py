import io

import numpy as np
import pytest
from PIL import Image

from qaclims_mm.errors import FormatError
from qaclims_mm.report.blocks import Picture
from qaclims_mm.report.page_blocks import fill_blocks, write_picture

PAGE = """# Page

<!-- a: one -->
old
<!-- end -->
Words.

<!-- b: two-3 -->
<!-- end -->

<!-- c: one -->
of another kind
<!-- end -->
"""


@pytest.fixture
def page(tmp_path):
    path = tmp_path / 'page.md'
    path.write_text(PAGE, encoding='utf-8')
    return path


def test_blocks_are_filled_and_the_rest_stays(page):
    # a backslash and a group are no part of a pattern here
    make = dict(a=lambda name: f'{name} \\1 \\g<2>', b=lambda name: name.upper())
    fill_blocks(page, make, 'MARKER')
    wanted = PAGE.replace('old', 'one \\1 \\g<2>').replace('-->\n<!-- end', '-->\nTWO-3\n<!-- end')
    assert page.read_text(encoding='utf-8') == wanted
    fill_blocks(page, make, 'MARKER')
    assert page.read_text(encoding='utf-8') == wanted


def test_a_page_keeps_its_text_when_a_block_fails(page):
    def fail(name):
        raise FormatError(f'no {name}')

    with pytest.raises(FormatError, match=r'^no two-3$'):
        fill_blocks(page, dict(a=str, b=fail), 'MARKER')
    assert page.read_text(encoding='utf-8') == PAGE


def test_pages_that_cannot_be_filled(page):
    with pytest.raises(FormatError, match=r'page\.md has no MARKER with <!-- end --> behind it'):
        fill_blocks(page, dict(z=str), 'MARKER')
    page.unlink()
    with pytest.raises(FormatError, match='there is no page'):
        fill_blocks(page, dict(a=str), 'MARKER')


@pytest.mark.parametrize('plot', [True, False])
def test_plots_get_paper_and_photographs_stay(tmp_path, plot):
    content = io.BytesIO()
    Image.new('RGBA', (4, 3), (9, 9, 9, 0)).save(content, format='PNG')
    picture = Picture(content.getvalue(), 'image/png', (4, 3), 'alt', 'caption', plot=plot)
    write_picture(picture, tmp_path / 'folder/p.png')
    if plot:
        drawn = np.asarray(Image.open(tmp_path / 'folder/p.png').convert('RGB'))
        assert (drawn == 255).all()
    else:
        assert (tmp_path / 'folder/p.png').read_bytes() == content.getvalue()
