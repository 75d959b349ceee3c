from qaclims_mm.console import new_console
from qaclims_mm.workflow.tables import metrics_table


def test_table_leaves_missing_numbers_empty_and_stages_that_have_not_run_out():
    metrics = {'a': {'m': 51.26}, 'b': {}}
    table = metrics_table(metrics, dict(a='A', b='B', c='C'), dict(m='IoU', n='other'))
    console = new_console(width=60)
    with console.capture() as capture:
        console.print(table)
    lines = capture.get().splitlines()
    assert any('A' in line and '51.3' in line for line in lines)
    assert any('B' in line and '51.3' not in line for line in lines)
    assert not any('C' in line for line in lines)
