import pytest
from test_cli.test_ablate import PLAN, SUITE
from tool_runs import run_tool

from qaclims_mm.paths import results_folder
from qaclims_mm.schemas import read_json, write_json
from qaclims_mm.schemas.numbers.ablation_results import AblationResults, ResultRow

METRIC = 'cam/mIoU'


@pytest.fixture
def run(tmp_path, capsys):
    """Runs the command on a tiny plan, whose row is stored over two seeds."""
    for name, text in (('plan', PLAN), ('suite', SUITE)):
        (tmp_path / f'{name}.py').write_text(text)
    rows = [ResultRow('ours', 'ours', 'qa_clims_maps', None, {METRIC: {'0': 50.0, '1': 52.0}})]
    columns, plan = {METRIC: 'best mIoU'}, str(tmp_path / 'plan.py')
    stored = AblationResults('suite', 'Worlds', plan, 'ours', columns, [0, 1], rows)
    stored.write(tmp_path / 'stored')
    flags = ('--suite', tmp_path / 'suite.py', '--results', tmp_path / 'stored')
    flags += ('--work-dir', tmp_path / 'work')
    return lambda *words: run_tool('verify_results', *words, *flags, capsys=capsys)


@pytest.mark.parametrize(('value', 'inside', 'status'), [(51.5, 'yes', 0), (10.0, 'no', 1)])
def test_a_row_is_repeated(run, tmp_path, value, inside, status):
    # this stage draws pictures, and tests nothing
    ended = run('ours')
    assert ended.status == 1
    assert 'row ours of suite suite has no number of seed 2' in ended.text
    assert not (tmp_path / 'work/world of other').exists()
    [folder] = tmp_path.rglob('qa_clims_maps')
    write_json(folder / 'metrics.json', {'qa_clims_maps': {METRIC: value}})
    ended = run('ours')
    assert ended.status == status
    line = next(x for x in ended.text.splitlines() if 'best mIoU' in x)
    cells = [c.strip() for c in line.strip('│').split('│')]
    assert cells == ['best mIoU', '51.0 (2 seeds)', '29.0 to 73.0', f'{value}', inside]


def test_a_stored_seed(run, tmp_path):
    run('ours', '--seed', '1')
    [folder] = tmp_path.rglob('qa_clims_maps')
    write_json(folder / 'metrics.json', {'qa_clims_maps': {METRIC: 51.0}})
    ended = run('ours', '--seed', '1')
    assert 'stored, seed 1' in ended.text
    assert '52.0' in ended.text


def test_a_dry_run_runs_nothing(run, tmp_path):
    ended = run('ours', '--dry-run')
    assert ended.status == 0
    assert ended.text.count('to do') == 1
    assert not (tmp_path / 'work').exists()


def test_an_unknown_row(run):
    ended = run('our')
    assert ended.status == 1
    assert "suite suite has no row 'our'; did you mean ours?" in ended.text


def test_the_published_results_are_found():
    found = read_json(results_folder() / 'table1_cams.json')
    assert {'cam', 'qa_clims'} < {row['name'] for row in found['rows']}
