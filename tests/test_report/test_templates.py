import pytest
from jinja2 import UndefinedError

from qaclims_mm.report.blocks import Section, Text
from qaclims_mm.report.templates import own_file, render, render_template


def test_a_page_and_its_style():
    page = render('<T>', '<D>', '<L>', [Section('S', [Text('<x>')])])
    assert f'<style>{own_file("style.css")}</style>' in page
    for shown in (
        '<h1>&lt;T&gt;</h1>',
        'Report of &lt;D&gt;',
        '<p>&lt;L&gt;</p>',
        '<p>&lt;x&gt;</p>',
    ):
        assert shown in page
    assert 'class="warning"' not in page


@pytest.mark.parametrize(
    ('warning', 'shown'),
    [
        (('<no>', ''), '<p class="warning" role="note">&lt;no&gt;</p>'),
        (('No.', 'run & go'), '<p class="warning" role="note">No. <code>run &amp; go</code></p>'),
    ],
)
def test_a_warning(warning, shown):
    assert shown in render('T', 'D', 'L', [], warning)


def test_a_value_that_is_not_given():
    with pytest.raises(UndefinedError):
        render_template('page.html.jinja', title='T')
