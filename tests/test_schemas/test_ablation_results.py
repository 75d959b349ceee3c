import csv
import math

import pytest
from scipy import stats

from qaclims_mm.schemas import FormatError, read_json, write_json
from qaclims_mm.schemas.ablation_results import (
    AblationResults,
    ResultRow,
    Summary,
    read_results,
    summarise,
)


def results(**more):
    rows = [
        ResultRow('a', 'A | B', 's-a', 60.3, {'cam/mIoU': {'0': 50.0, '1': 52.0, '2': 51.0}}),
        ResultRow('b', 'ours', 'qa_clims', None, {'cam/mIoU': {'0': 55.0, '1': 56.0, '2': 58.0}}),
        ResultRow('c', 'C', 's-c', None, {'cam/mIoU': {}}, {'1': 'its log is x'}),
    ]
    fields = dict(
        suite='s', title='Title', config='p.py', reference='b', columns={'cam/mIoU': 'best mIoU'}
    )
    return AblationResults(**{**fields, 'seeds': [0, 1, 2], 'rows': rows, **more})


def test_summary_against_the_formulas():
    values, reference = {'0': 50.0, '1': 52.0, '2': 51.0}, {'0': 55.0, '1': 56.0, '2': 58.0}
    found = summarise(values, reference)
    differences = [values[s] - reference[s] for s in values]
    mean = sum(differences) / 3
    sd = math.sqrt(sum((d - mean) ** 2 for d in differences) / 2)
    assert found.mean == pytest.approx(51.0)
    assert found.sd == pytest.approx(1.0)
    assert found.difference == pytest.approx(mean)
    assert found.standard_error == pytest.approx(sd / math.sqrt(3))
    test = stats.ttest_rel(list(values.values()), list(reference.values()))
    assert found.p == pytest.approx(test.pvalue)


@pytest.mark.parametrize(
    ('values', 'reference', 'expected'),
    [
        ({'0': 5.0}, {}, Summary(5.0)),
        ({'0': 5.0}, {'0': 4.0}, Summary(5.0, None, 1.0)),
        ({'0': 5.0}, {'1': 4.0}, Summary(5.0)),
        # the same difference at every seed: no test can be made of it
        ({'0': 5.0, '1': 5.0}, {'0': 4.0, '1': 4.0}, Summary(5.0, 0.0, 1.0)),
    ],
)
def test_too_few_seeds(values, reference, expected):
    assert summarise(values, reference) == expected


def test_seeds_that_only_one_row_has_are_not_compared():
    found = summarise({'0': 5.0, '1': 7.0, '2': 90.0}, {'0': 4.0, '1': 5.0, '5': 0.0})
    assert found.difference == pytest.approx(1.5)
    assert found.standard_error == pytest.approx(0.5)


def test_files(tmp_path):
    paths = results().write(tmp_path)
    assert [p.name for p in paths] == ['s.json', 's.csv', 's.md']
    rows = read_json(paths[0])['rows']
    assert rows[0]['mean'] == {'cam/mIoU': 51.0}
    assert rows[1]['difference'] == {'cam/mIoU': None}
    assert rows[2]['mean'] == {}
    lines = list(csv.reader(paths[1].read_text().splitlines()))
    assert lines[0][:5] == ['name', 'title', 'paper', 'metric', 'mean']
    assert lines[0][-4:] == ['seed 0', 'seed 1', 'seed 2', 'failed']
    assert lines[1][-4:] == ['50.0', '52.0', '51.0', '']
    assert lines[3][4:] == [*[''] * 8, 'seed 1: its log is x']
    assert read_results(paths[0]) == results()


def test_columns_keep_their_order(tmp_path):
    columns = {'cam/mIoU': 'best', 'cam/false': 'false', 'cam/at': 'at'}
    path, *_ = results(columns=columns).write(tmp_path)
    assert list(read_results(path).columns) == list(columns)


@pytest.mark.parametrize(
    ('values', 'shown'), [([0.0, 1.0, 2.0], '0.225'), ([0.0, 0.01, 0.02], '< 0.001')]
)
def test_small_chances(values, shown):
    row = ResultRow(
        'a', 'A', 's-a', None, {'cam/mIoU': {str(i): v - 2 for i, v in enumerate(values)}}
    )
    ours = ResultRow('b', 'B', 'x', None, {'cam/mIoU': {str(i): 0.0 for i in range(3)}})
    _, [cells, _] = results(rows=[row, ours]).cells()
    assert cells[-2] == shown


def test_markdown():
    text = results().markdown()
    head, rule, first, own, failed = [x for x in text.splitlines() if x.startswith('|')]
    assert head == '|  | paper | best mIoU | best mIoU: difference | p | seeds |'
    assert rule.count('---') == 6
    assert first == '| A \\| B | 60.3 | 51.0 ± 1.0 | -5.3 ± 0.9 | 0.026 | 3/3 |'
    assert own == '| ours |  | 56.3 ± 1.5 |  |  | 3/3 |'
    assert failed == '| C |  |  |  |  | 0/3, failed: seed 1 |'
    assert text.endswith('\n\nFailed: C, seed 1: its log is x.\n')
    assert 'Difference to "ours" ± standard error' in text


def test_a_suite_without_a_row_of_the_pipeline():
    text = results(reference=None).markdown()
    assert 'difference' not in text
    assert 'Difference' not in text
    assert "No row is the pipeline's own training" in text


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        ([1], r'x\.json is no result of an ablation of schema 1'),
        (dict(schema=2), 'of schema 1; run qaclims ablate again'),
        (dict(schema=1, rows=[]), r"lacks '\w+'; run qaclims ablate again"),
        (dict(schema=1, rows=[dict(name='a')]), r"lacks 'title'"),
    ],
)
def test_other_files(tmp_path, value, message):
    write_json(tmp_path / 'x.json', value)
    with pytest.raises(FormatError, match=message):
        read_results(tmp_path / 'x.json')


@pytest.mark.parametrize(
    'changes',
    [
        dict(suite=['a']),
        dict(title=3),
        dict(seeds='0'),
        dict(seeds=[True]),
        dict(columns=[]),
        dict(columns=[['m', 3]]),
        dict(reference=[]),
        dict(rows=[3]),
    ],
)
def test_fields_of_other_types(tmp_path, changes):
    path, *_ = results().write(tmp_path)
    write_json(path, read_json(path) | changes)
    with pytest.raises(FormatError, match=r'\.json lacks .*; run qaclims ablate again'):
        read_results(path)


@pytest.mark.parametrize(
    'changes',
    [dict(folder=[]), dict(paper='x'), dict(values={'m': {'0': 'x'}}), dict(failed=['x'])],
)
def test_rows_of_other_types(tmp_path, changes):
    path, *_ = results().write(tmp_path)
    value = read_json(path)
    value['rows'][0] |= changes
    write_json(path, value)
    with pytest.raises(FormatError, match='lacks fields of the types that qaclims ablate writes'):
        read_results(path)
