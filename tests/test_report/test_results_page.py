import io

import numpy as np
import pytest
from PIL import Image
from test_schemas.test_numbers.test_ablation_results import results

from qaclims_mm.errors import FormatError
from qaclims_mm.report.blocks import Picture, Section, Text
from qaclims_mm.report.results_page import update_page
from qaclims_mm.schemas.numbers.ablation_reading import read_results

PAGE = """# Results

Words.

<!-- ablation: s -->
old table
<!-- end -->

More words.

<!-- pictures: the-curve -->
<!-- end -->
"""


def picture(kind, plot):
    content = io.BytesIO()
    colour = (0, 0, 0, 0) if plot else (9, 9, 9)
    Image.new('RGBA' if plot else 'RGB', (4, 3), colour).save(content, format=kind)
    return Picture(content.getvalue(), f'image/{kind}', (4, 3), 'a curve', 'Seen.', plot=plot)


@pytest.fixture
def page(tmp_path):
    results().write(tmp_path)
    (tmp_path / 'page.md').write_text(PAGE)
    return tmp_path / 'page.md'


def sections():
    shown = [picture('png', plot=True), Text('words'), picture('jpeg', plot=False)]
    return [Section('The curve', shown), Section('Others', [Text('none')])]


def test_tables_and_pictures_are_replaced_and_words_stay(page):
    update_page(page, page.parent, sections())
    text = page.read_text()
    assert 'old table' not in text
    assert '| ours |  | 56.3 ± 1.5 |' in text
    assert text.startswith('# Results\n\nWords.\n\n<!-- ablation: s -->\n|')
    assert '<!-- end -->\n\nMore words.\n' in text
    assert '## Title' not in text
    assert read_results(page.parent / 'page/s.json') == results()
    assert '![a curve](page/the-curve-1.png)\n\n*Seen.*' in text
    assert '![a curve](page/the-curve-2.jpg)' in text
    on_paper = Image.open(page.parent / 'page/the-curve-1.png').convert('RGB')
    assert (np.asarray(on_paper) == 255).all()
    assert Image.open(page.parent / 'page/the-curve-2.jpg').size == (4, 3)
    update_page(page, page.parent, sections())
    assert page.read_text() == text


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (None, 'there is no page'),
        ('# Results', 'has no <!-- ablation: SUITE -->'),
        (PAGE.replace(': s ', ': t '), r't\.json does not exist; run: qaclims ablate t'),
        (
            PAGE.replace('the-curve', 'others'),
            'asks for pictures of others, but the report has some of the-curve alone',
        ),
    ],
)
def test_pages_that_cannot_be_filled(page, text, message):
    page.unlink()
    if text:
        page.write_text(text)
    with pytest.raises(FormatError, match=message):
        update_page(page, page.parent, sections())
    assert not text or page.read_text() == text
