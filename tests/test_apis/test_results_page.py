import pytest
from test_apis.test_ablation_results import results

from qaclims_mm.apis.results_page import update_page
from qaclims_mm.schemas import FormatError

PAGE = """# Results

Words.

<!-- ablation: s -->
old table
<!-- end -->

More words.
"""


def test_tables_are_replaced_and_words_stay(tmp_path):
    results().write(tmp_path)
    page = tmp_path / 'page.md'
    page.write_text(PAGE)
    assert update_page(page, tmp_path) == ['s']
    text = page.read_text()
    assert 'old table' not in text
    assert '| ours |  | 56.3 ± 1.5 |' in text
    assert text.startswith('# Results\n\nWords.\n\n<!-- ablation: s -->\n|')
    assert text.endswith('<!-- end -->\n\nMore words.\n')
    assert '## Title' not in text
    update_page(page, tmp_path)
    assert page.read_text() == text


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (None, 'there is no page'),
        ('# Results', 'has no <!-- ablation: SUITE -->'),
        (PAGE, r's\.json does not exist; run: python tools/ablate\.py s'),
    ],
)
def test_pages_that_cannot_be_filled(tmp_path, text, message):
    page = tmp_path / 'page.md'
    if text:
        page.write_text(text)
    with pytest.raises(FormatError, match=message):
        update_page(page, tmp_path)
    assert not text or page.read_text() == text
