import csv
import math

import pytest
from scipy import stats

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import read_json, write_json
from qaclims_mm.schemas.numbers.ablation_results import (
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
    assert [p.name for p in paths] == ['s.json', 's.csv']
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
    ('value', 'message'),
    [
        ([1], r'x\.json is no result of an ablation of schema 1'),
        (dict(schema=2), 'of schema 1; run qaclims ablate again'),
        (dict(schema=1, rows=[]), r"lacks 'suite'; run qaclims ablate again"),
        (dict(schema=1), r"lacks 'rows', a list of tables"),
        (dict(schema=1, rows={}), r"lacks 'rows', a list of tables"),
        (dict(schema=1, rows=['a']), r"lacks 'rows', a list of tables"),
        (None, r'is no result of an ablation'),
        ('text', r'is no result of an ablation'),
    ],
)
def test_other_files(tmp_path, value, message):
    write_json(tmp_path / 'x.json', value)
    with pytest.raises(FormatError, match=message):
        read_results(tmp_path / 'x.json')


@pytest.mark.parametrize(
    ('part', 'change', 'message'),
    [
        ('', dict(suite=1), "has another 'suite' than is written"),
        ('', dict(title=None), "has another 'title' than"),
        ('', dict(reference=['b']), "has another 'reference' than"),
        ('', dict(columns={'cam/mIoU': 'best'}), "has another 'columns' than"),
        ('', dict(columns=[]), "has another 'columns' than"),
        ('', dict(columns=[['cam/mIoU']]), "has another 'columns' than"),
        ('', dict(columns=[['cam/mIoU', 1]]), "has another 'columns' than"),
        ('', dict(columns=['ab']), "has another 'columns' than"),
        ('', dict(seeds=['0']), "has another 'seeds' than"),
        ('', dict(seeds=0), "has another 'seeds' than"),
        ('', dict(seeds=[True]), "has another 'seeds' than"),
        ('row', dict(name=None), "has another 'name' of a row than"),
        ('row', dict(paper='60.3'), "has another 'paper' of a row than"),
        ('row', dict(values=[]), "has another 'values' of a row than"),
        ('row', dict(values={'cam/mIoU': [1.0]}), "has another 'values' of a row than"),
        ('row', dict(values={'cam/mIoU': {'0': '1'}}), "has another 'values' of a row than"),
        ('row', dict(failed={'0': 1}), "has another 'failed' of a row than"),
        ('row', dict(failed=['0']), "has another 'failed' of a row than"),
        ('row', dict(folder=None), "has another 'folder' of a row than"),
    ],
)
def test_other_values(tmp_path, part, change, message):
    path, _ = results().write(tmp_path)
    value = read_json(path)
    (value['rows'][1] if part else value).update(change)
    write_json(path, value)
    with pytest.raises(FormatError, match=f'{message}.*; run qaclims ablate again') as caught:
        read_results(path)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('name', ['title', 'folder', 'values', 'failed', 'paper'])
def test_rows_that_lack_something(tmp_path, name):
    path, _ = results().write(tmp_path)
    value = read_json(path)
    del value['rows'][2][name]
    write_json(path, value)
    with pytest.raises(FormatError, match=f"lacks '{name}' of a row"):
        read_results(path)
