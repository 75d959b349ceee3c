import io

import pytest
from tiny_runs import ROOT

from qaclims_mm.console import new_console
from qaclims_mm.workflow.plans import read_plan
from qaclims_mm.workflow.suites import read_suite
from qaclims_mm.workflow.tables import metrics_table


def lines_of(table, **options):
    console = new_console(width=120, **options)
    with console.capture() as capture:
        console.print(table)
    return capture.get().splitlines()


def test_table_leaves_missing_numbers_empty_and_stages_that_have_not_run_out():
    metrics = {'a': {'m': 51.26}, 'b': {}}
    table = metrics_table(metrics, dict(a='A', b='B', c='C'), dict(m='IoU', n='other'))
    lines = lines_of(table)
    assert any('A' in line and '51.3' in line for line in lines)
    assert any('B' in line and '51.3' not in line for line in lines)
    assert not any('C' in line for line in lines)
    assert not any('paper' in line for line in lines)


# of the numbers as they are printed, which have one decimal
@pytest.mark.parametrize(
    ('value', 'text', 'colour'),
    [
        (67.3, '+0.0 within 0.5', '32'),
        (67.84, '+0.5 within 0.5', '32'),
        (67.86, '+0.6 beyond 0.5', '31'),
        (66.76, '-0.5 within 0.5', '32'),
        (66.74, '-0.6 beyond 0.5', '31'),
        (90.0, '+22.7 beyond 0.5', '31'),
        (float('nan'), '+nan beyond 0.5', '31'),
    ],
)
def test_a_number_is_compared_with_the_papers(value, text, colour):
    rows, columns = dict(a='QA-CLIMS', b='other'), {'m': 'best', 'n': 'at 0.2'}
    metrics = {'a': {'m': value, 'n': 1.0}, 'b': {'m': 3.0}}
    table = metrics_table(metrics, rows, columns, paper={'a': ('m', 67.3)})
    [line] = [line for line in lines_of(table) if 'QA-CLIMS' in line]
    assert '67.3 (best)' in line
    assert text in line
    coloured = '\n'.join(lines_of(table, force_terminal=True, color_system='standard'))
    assert f'\x1b[{colour}m{text}' in coloured
    [other] = [line for line in lines_of(table) if 'other' in line]
    assert 'within' not in other


def test_a_number_that_is_missing_has_no_difference():
    table = metrics_table({'a': {}}, dict(a='A'), dict(m='best'), paper={'a': ('m', 67.3)})
    [line] = [line for line in lines_of(table) if 'A' in line]
    assert '67.3 (best)' in line
    assert '0.5' not in line


def test_the_papers_numbers_are_shown_for_its_stages_alone():
    table = metrics_table({'a': {'m': 1.0}}, dict(a='A', b='B'), dict(m='best'), {'b': ('m', 2.0)})
    assert not any('paper' in line for line in lines_of(table))


@pytest.mark.parametrize('preset', ['', '-official'])
def test_plans_have_the_numbers_of_suites_and_metafiles(preset):
    """A number of the paper stands in several places, but is one."""
    import yaml

    plan = read_plan(ROOT / f'configs/pipelines/voc12_qa-clims{preset}.py')
    paper = {stage: value for stage, (_, value) in plan.table['paper'].items()}
    assert all(metric in plan.table['columns'] for metric, _ in plan.table['paper'].values())
    suite = read_suite(ROOT / 'configs/suites/table1_cams.py').variants
    refiners = read_suite(ROOT / 'configs/suites/refiners.py').variants
    assert paper.pop('cam_maps') == suite['cam'].paper
    assert paper.pop('qa_clims_maps') == suite['qa_clims'].paper
    assert paper.pop('irn_masks') == refiners['irn'].paper
    coco = read_plan(ROOT / f'configs/pipelines/coco14_qa-clims{preset}.py').table['paper']
    metafile = yaml.safe_load((ROOT / 'configs/deeplabv2/metafile.yml').read_text())
    reported = [
        r['Metrics']['mIoU'] for m in metafile['Models'] for r in m['Reported by the authors']
    ]
    assert [paper.pop('segment_test'), coco.pop('segment_test')[1]] == reported
    assert not paper
    assert not coco


def test_a_plan_of_other_networks_is_not_compared_with_the_paper():
    plan = read_plan(ROOT / 'configs/pipelines/voc12_strong.py')
    assert plan.table['rows']
    assert not plan.table['paper']


def test_numbers_are_whole_in_a_log_of_80_columns():
    plan = read_plan(ROOT / 'configs/pipelines/miniworld_qa-clims.py', 'root')
    columns = plan.table['columns']
    metrics = {stage: dict.fromkeys(columns, 58.64) for stage in plan.table['rows']}
    console = new_console(width=80, file=io.StringIO())
    console.print(metrics_table(metrics, **plan.table))
    shown = console.file.getvalue()
    assert shown.count('58.6') == len(columns) * len(metrics)
    assert '…' not in shown
