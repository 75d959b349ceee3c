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
    assert head == '|  | paper | best mIoU | best mIoU: difference | p | seeds |'
    assert rule.count('---') == 6
    assert first == '| A \\| B | 60.3 | 51.0 ± 1.0 | -5.3 ± 0.9 | 0.026 | 3/3 |'
    assert own == '| ours |  | 56.3 ± 1.5 |  |  | 3/3 |'
    assert failed == '| C |  |  |  |  | 0/3, failed: seed 1 |'
    assert text.endswith('\n\nFailed: C, seed 1: its log is x.\n')
    assert 'Difference to "ours" ± standard error' in text


def test_a_suite_without_a_row_of_the_pipeline():
    text = markdown_of(results(reference=None))
    assert 'difference' not in text
    assert 'Difference' not in text
    assert "No row is the plan's own training" in text
