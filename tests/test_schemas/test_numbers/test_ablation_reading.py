import pytest
from test_schemas.test_numbers.test_ablation_results import results

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import read_json, write_json
from qaclims_mm.schemas.numbers.ablation_reading import read_results


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        ([1], r'x\.json is no result of an ablation of schema 2'),
        (dict(schema=1), 'of schema 2; run qaclims ablate again'),
        (dict(schema=2, rows=[]), r"lacks 'suite'; run qaclims ablate again"),
        (dict(schema=2), r"lacks 'rows', a list of tables"),
        (dict(schema=2, rows={}), r"lacks 'rows', a list of tables"),
        (dict(schema=2, rows=['a']), r"lacks 'rows', a list of tables"),
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
        ('', dict(machines=['A']), "has another 'machines' than"),
        ('', dict(machines={'0': 1}), "has another 'machines' than"),
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
