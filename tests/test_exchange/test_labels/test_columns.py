import pytest

from qaclims_mm.exchange.labels.columns import (
    IMAGE_COLUMNS,
    column_of,
    json_column,
    marked,
    one_hot_columns,
    problem_of_head,
)


@pytest.mark.parametrize(
    ('head', 'place'), [(['id', 'File_Name'], 1), (['name', 'image'], 1), (['Datei'], None)]
)
def test_columns(head, place):
    assert column_of(head, IMAGE_COLUMNS) == place


def test_columns_of_json():
    cells = '{"choices": ["cat"]}'
    assert json_column([['a.jpg', '3', 'x'], ['b.jpg', '4', cells]], 0) == 2
    assert json_column([['a.jpg', cells, cells]], 0) is None
    assert json_column([['a.jpg', '{x}', '[/b]']], 0) is None


@pytest.mark.parametrize(
    ('head', 'rows', 'classes'),
    [
        (['f', 'Cat', 'None'], [['a', '1', '0'], ['b', '', 'x']], {1: 'Cat', 2: 'None'}),
        (['', 'f', 'cat'], [['0', 'a', '1.0']], {2: 'cat'}),
        (['f', 'cat', 'split'], [['a', 'TRUE', 'train']], {1: 'cat'}),
        (['f', 'cat'], [['a', '1'], ['b', '2']], {1: 'cat'}),
        (['f', 'cat', 'width'], [['a', '1', '640']], {}),
        (['f', 'cat'], [['a', '0.7'], ['b', '0.2']], {}),
        (['f'], [['a']], {}),
        (['f', 'cat'], [], {}),
    ],
)
def test_one_hot(head, rows, classes):
    image = 1 if not head[0] else 0
    assert one_hot_columns(head, rows, image) == classes


def test_marks():
    assert marked(['a', '1', ' 0 ', 'Yes'], {1: 'cat', 2: 'dog', 3: 'cow'}) == ['cat', 'cow']
    assert marked(['a', 'NA'], {1: 'cat'}) is None


def test_problems_echo_the_names_as_they_are():
    text = problem_of_head(['Datei', 'Beschriftung'])
    assert "but has 'Datei', 'Beschriftung'; image may also be called file, filename, " in text
    assert 'each class may have a column of 0 and 1' in text
    assert 'is a row already' in problem_of_head(['A.JPG', 'cat'])
