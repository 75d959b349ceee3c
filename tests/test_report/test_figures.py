import os
import subprocess
import sys

import pytest

from qaclims_mm.report.blocks import Gallery, Panel, Picture, Section, Text
from qaclims_mm.report.figures import replaced_folder, write_figures
from qaclims_mm.report.templates import render

VECTORS = dict(pdf=b'%PDF', svg=b'<svg>')


def picture(alt, **changes):
    options = dict(vectors=VECTORS, plot=True) | changes
    return Picture(b'x', 'image/png', (3, 4), alt, 'caption', **options)


def test_figures_and_their_links(tmp_path):
    plain = picture('photograph', vectors={})
    sections = [
        Section('A', [Text('text'), picture('QA-CLIMS: loss_frc'), Panel('p', 't', [plain])]),
        Section('B', [Gallery([picture('QA-CLIMS: loss_frc'), picture('../</a>"猫 €'), plain])]),
    ]
    folder = tmp_path / 'my report_files'
    first, second = write_figures(sections, folder)
    assert {p.name: p.read_bytes() for p in (folder / 'figures').iterdir()} == {
        f'{name}.{kind}': content
        for name in ('qa-clims-loss_frc', 'qa-clims-loss_frc-2', 'a')
        for kind, content in VECTORS.items()
    }
    assert first.blocks[1].links == [
        ('PDF', 'my%20report_files/figures/qa-clims-loss_frc.pdf'),
        ('SVG', 'my%20report_files/figures/qa-clims-loss_frc.svg'),
    ]
    assert second.blocks[0].pictures[2].links == ()
    page = render('T', 'D', 'L', [first, second])
    for link in first.blocks[1].links:
        label = f'aria-label="QA-CLIMS: loss_frc, {link[0]}"'
        assert f'<a href="{link[1]}" {label}>{link[0]}</a>' in page
    assert page.count('.svg"') == 3


@pytest.mark.parametrize('alt', ['', '€€', '...'])
def test_a_figure_whose_name_has_no_letters(tmp_path, alt):
    write_figures([Section('A', [picture(alt), picture(alt)])], tmp_path)
    names = {p.stem for p in (tmp_path / 'figures').iterdir()}
    assert names == {'figure', 'figure-2'}


def test_a_long_name(tmp_path):
    write_figures([Section('A', [picture('x' * 999), picture('x' * 999)])], tmp_path)
    assert max(len(p.name) for p in (tmp_path / 'figures').iterdir()) < 80


def test_figures_of_an_earlier_report_are_gone(tmp_path):
    write_figures([Section('A', [picture('old')])], tmp_path)
    write_figures([Section('A', [picture('new')])], tmp_path)
    assert {p.stem for p in (tmp_path / 'figures').iterdir()} == {'new'}
    assert [p.name for p in tmp_path.iterdir()] == ['figures']


def test_an_earlier_folder_stays_if_a_new_one_fails(tmp_path):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a/old').write_text('old')

    def fail():
        with replaced_folder(tmp_path / 'a') as temporary:
            (temporary / 'new').write_text('new')
            raise OSError('full')

    with pytest.raises(OSError, match='full'):
        fail()
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob('*')] == ['a', 'a/old']


def test_what_killed_processes_have_left_is_removed(tmp_path):
    ended = subprocess.run(
        [sys.executable, '-c', 'import os; print(os.getpid())'], capture_output=True
    )
    left, lives = (tmp_path / f'.0123.{pid}.tmp' for pid in (int(ended.stdout), os.getppid()))
    for folder in (left, lives, tmp_path / 'a', tmp_path / '.a.earlier.tmp'):
        folder.mkdir()
    with replaced_folder(tmp_path / 'a') as temporary:
        (temporary / 'new').write_text('new')
    assert {p.name for p in tmp_path.iterdir()} == {'a', lives.name}
    assert (tmp_path / 'a/new').is_file()
