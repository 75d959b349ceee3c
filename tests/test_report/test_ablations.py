import pytest
from tiny_report import make_ablations

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.report import ablations
from qaclims_mm.report.ablations import (
    ablation_blocks,
    omega_blocks,
    read_ablations,
    titles_of,
)
from qaclims_mm.report.blocks import MissingError
from qaclims_mm.schemas import write_json


@pytest.fixture
def drawn(monkeypatch):
    found = []

    def record(paint, x, y, alt, caption):
        found.append((paint.keywords, caption))

    monkeypatch.setattr(ablations, 'plot', record)
    return found


def test_omega(tmp_path, drawn):
    make_ablations(tmp_path)
    omega_blocks(read_ablations(tmp_path), tmp_path)
    [(found, caption)] = drawn
    # in order, and without the row that has no number
    assert found['x'] == (0.05, 0.1)
    assert found['means'] == (48, 51)
    assert found['spreads'] == (None, pytest.approx(2**0.5))
    assert '67.3 at 0.1' in caption


def test_table(tmp_path):
    make_ablations(tmp_path)
    [table] = ablation_blocks(read_ablations(tmp_path), tmp_path)
    difference = 'best mIoU: difference [95 %], points'
    seeds = 'seeds, done of all'
    assert table.head == [
        'row',
        'paper, %',
        'best mIoU, %',
        difference,
        'detectable',
        'p (Holm)',
        seeds,
    ]
    assert table.rows[:2] == [
        ['omega 0.1', '67.3', '51.0 ± 1.4', '', '', '', '2/2'],
        ['omega 0.05', '', '48.0', '-2.0', '', '', '1/2, failed: seed 1'],
    ]
    assert 'Failed: omega 0.05, seed 1: its log is x.' in table.caption
    assert table.title == 'Ratio'


def test_titles(tmp_path):
    make_ablations(tmp_path)
    titles = titles_of(read_ablations(tmp_path))
    assert titles['omega-0.05_maps'] == 'omega 0.05 (omega)'


def test_nothing(tmp_path):
    assert read_ablations(tmp_path / 'absent') == {}
    with pytest.raises(MissingError, match=r'omega.json is not there') as error:
        omega_blocks({}, tmp_path)
    where = f'--plan PLAN --work-dir {tmp_path.parent}'
    assert error.value.command == f'qaclims ablate omega --seeds 0 1 2 3 4 {where}'
    with pytest.raises(MissingError, match='has no result of an ablation'):
        ablation_blocks({}, tmp_path)


def test_no_number_yet(tmp_path):
    results = make_ablations(tmp_path)
    results.rows = results.rows[2:]
    with pytest.raises(MissingError, match='or has no number'):
        omega_blocks({'omega': results}, tmp_path)


def test_row_that_is_no_omega(tmp_path):
    results = make_ablations(tmp_path)
    results.rows[0].name = 'much'
    with pytest.raises(ConfigError, match="must be named by their omega, but one is 'much'"):
        omega_blocks({'omega': results}, tmp_path)


def test_other_file(tmp_path):
    write_json(tmp_path / 'x.json', dict(schema=1))
    with pytest.raises(FormatError, match=r'x.json is no result of an ablation of schema 2'):
        read_ablations(tmp_path)
