import copy
import csv
import math

import pytest
from scipy import stats

from qaclims_mm.errors import ConfigError
from qaclims_mm.schemas import read_json
from qaclims_mm.schemas.numbers.ablation_reading import read_results
from qaclims_mm.schemas.numbers.ablation_results import (
    AblationResults,
    ResultRow,
    Summary,
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
    assert [p.name for p in paths] == ['s.json', 's.csv']
    rows = read_json(paths[0])['rows']
    assert rows[0]['mean'] == {'cam/mIoU': 51.0}
    assert rows[1]['difference'] == {'cam/mIoU': None}
    assert rows[2]['mean'] == {}
    lines = list(csv.reader(paths[1].read_text().splitlines()))
    assert lines[0][:5] == ['name', 'title', 'paper', 'metric', 'mean']
    assert lines[0][-4:] == ['seed 0', 'seed 1', 'seed 2', 'failed']
    assert lines[1][-4:] == ['50.0', '52.0', '51.0', '']
    assert lines[3][4:] == [*[''] * 12, 'seed 1: its log is x']
    assert read_results(paths[0]) == results()


def test_chances_are_corrected_for_the_rows():
    rows = [
        ResultRow('a', 'A', 'a', None, {'m': {'0': 1.0, '1': 2.5, '2': 2.0}}),
        ResultRow('b', 'B', 'b', None, {'m': {'0': 4.0, '1': 5.5, '2': 6.0}}),
        ResultRow('same', 'S', 's', None, {'m': {'0': 5.0, '1': 6.0, '2': 7.0}}),
        ResultRow('ours', 'O', 'o', None, {'m': {'0': 5.0, '1': 6.0, '2': 7.0}}),
    ]
    found = results(rows=rows, reference='ours', columns={'m': 'M'}).summaries('m')
    first, second = found['a'], found['b']
    # no spread, no test, so it does not count
    assert found['same'].p is None
    assert found['ours'].p is None
    assert first.p < second.p
    assert (first.p_holm, second.p_holm) == (pytest.approx(2 * first.p), pytest.approx(second.p))
    assert first.low < first.difference < first.high < 0


def elsewhere(**more):
    found = copy.deepcopy(results())
    for row in found.rows:
        row.values = {
            m: {f'{int(s) + 3}': v for s, v in of.items()} for m, of in row.values.items()
        }
        row.failed = {'4': 'no room'} if row.name == 'c' else {}
    fields = dict(seeds=[5, 3, 4], machines={'3': 'B', '4': 'B', '5': 'B'})
    for name, value in {**fields, **more}.items():
        setattr(found, name, value)
    return found


def test_seeds_of_another_machine_are_joined():
    joined = results(machines={'0': 'A'})
    joined.add(elsewhere())
    assert joined.seeds == [0, 1, 2, 3, 4, 5]
    assert joined.machines == {'0': 'A', '3': 'B', '4': 'B', '5': 'B'}
    assert joined.rows[0].values == {
        'cam/mIoU': {'0': 50.0, '1': 52.0, '2': 51.0, '3': 50.0, '4': 52.0, '5': 51.0}
    }
    assert joined.rows[2].failed == {'1': 'its log is x', '4': 'no room'}


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(suite='t'), "suite is 's' here and 't' there"),
        (dict(config='q.py'), "config is 'p.py' here and 'q.py' there"),
        (dict(reference='a'), "reference is 'b' here and 'a' there"),
        (dict(columns={'cam/mIoU': 'mIoU'}), 'columns is'),
        (dict(seeds=[3, 1]), 'both have seed 1; run the suite with other --seeds'),
        (dict(rows=elsewhere().rows[1:]), "row 'a' is in one of them alone"),
    ],
)
def test_results_that_cannot_be_joined(change, message):
    joined = results()
    with pytest.raises(ConfigError, match=f'of suite s cannot be joined: {message}'):
        joined.add(elsewhere(**change))
    # nothing was taken over
    assert joined == results()


def test_columns_keep_their_order(tmp_path):
    columns = {'cam/mIoU': 'best', 'cam/false': 'false', 'cam/at': 'at'}
    path, *_ = results(columns=columns).write(tmp_path)
    assert list(read_results(path).columns) == list(columns)
