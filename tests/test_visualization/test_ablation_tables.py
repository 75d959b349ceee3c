import io

import pytest
from test_schemas.test_numbers.test_ablation_results import results

from qaclims_mm.console import new_console
from qaclims_mm.schemas.numbers.ablation_results import ResultRow
from qaclims_mm.visualization.ablation_tables import (
    cells_of,
    markdown_of,
    table_of,
    write_markdown,
)


def test_file(tmp_path):
    path = write_markdown(results(), tmp_path)
    assert path == tmp_path / 's.md'
    assert path.read_text(encoding='utf-8') == markdown_of(results())


def test_table_for_a_terminal():
    shown = io.StringIO()
    new_console(file=shown, width=200).print(table_of(results()))
    assert all(text in shown.getvalue() for text in ('Title', 'best mIoU', '51.0 ± 1.0', '3/3'))


@pytest.mark.parametrize(
    ('values', 'shown'), [([0.0, 1.0, 2.0], '0.225'), ([0.0, 0.01, 0.02], '< 0.001')]
)
def test_small_chances(values, shown):
    row = ResultRow(
        'a', 'A', 's-a', None, {'cam/mIoU': {str(i): v - 2 for i, v in enumerate(values)}}
    )
    ours = ResultRow('b', 'B', 'x', None, {'cam/mIoU': {str(i): 0.0 for i in range(3)}})
    _, [cells, _] = cells_of(results(rows=[row, ours]))
    assert cells[-2] == shown


def test_markdown():
    text = markdown_of(results())
    head, rule, first, own, failed = [x for x in text.splitlines() if x.startswith('|')]
    assert head == (
        '|  | paper | best mIoU | best mIoU: difference [95 %] | detectable | p (Holm) | seeds |'
    )
    assert rule.count('---') == 7
    assert first == '| A \\| B | 60.3 | 51.0 ± 1.0 | -5.3 [-9.1, -1.5] | 5.0 | 0.026 | 3/3 |'
    assert own == '| ours |  | 56.3 ± 1.5 |  |  |  | 3/3 |'
    assert failed == '| C |  |  |  |  |  | 0/3, failed: seed 1 |'
    assert text.endswith('\n\nFailed: C, seed 1: its log is x.\n')
    # the text below the table, whose lines are short
    assert all(len(x) <= 100 for x in text.splitlines() if not x.startswith('|'))
    text = ' '.join(text.split())
    assert 'Difference to "ours", paired by seed, with its 95 % interval' in text
    assert 'Fewer than 5 seeds are too few to show a difference' in text
    assert 'Seeds 0, 1, 2: machine not known.' in text


def test_machines_of_the_seeds():
    machines = {'0': 'a CPU, 2 threads (2026-11-25)', '1': 'a GPU', '2': 'a GPU'}
    text = ' '.join(markdown_of(results(machines=machines)).split())
    assert 'Seed 0: a CPU, 2 threads (2026-11-25). Seeds 1, 2: a GPU.' in text


def test_enough_seeds():
    values = {'cam/mIoU': {str(i): i % 3 for i in range(5)}}
    rows = [ResultRow('a', 'A', 'a', None, values), ResultRow('b', 'B', 'b')]
    text = markdown_of(results(rows=rows, seeds=[*range(5)]))
    assert 'too few' not in text
    # of five seeds that were asked for, two failed
    rows[0].values = {'cam/mIoU': {str(i): i for i in range(3)}}
    assert 'too few' in markdown_of(results(rows=rows, seeds=[*range(5)]))


def test_a_suite_without_a_row_of_the_pipeline():
    text = markdown_of(results(reference=None))
    assert 'difference' not in text
    assert 'Difference' not in text
    shown = ' '.join(text.split())
    assert 'No row is compared with another. Spread: the standard deviation' in shown
    head, _, first, _, failed = [x for x in text.splitlines() if x.startswith('|')]
    assert head == '|  | paper | best mIoU | best mIoU: spread [95 %] | seeds |'
    # scipy's quantiles of chi squared for two degrees of freedom: 7.3778 and 0.0506
    assert first == '| A \\| B | 60.3 | 51.0 ± 1.0 | 1.0 [0.5, 6.3] | 3/3 |'
    assert failed == '| C |  |  |  | 0/3, failed: seed 1 |'


def test_one_seed_has_no_spread():
    row = ResultRow('a', 'A', 'a', None, {'cam/mIoU': {'0': 1.0}})
    text = markdown_of(results(rows=[row], seeds=[0], reference=None))
    assert '| A | 1.0 |  | 1/1 |' in text
    assert 'Spread' not in text
