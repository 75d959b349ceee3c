import pytest

from qaclims_mm.exchange.labels.cells import add_rows, labels_of_json
from qaclims_mm.exchange.labels.source import Source


@pytest.mark.parametrize(
    ('cell', 'labels'),
    [
        ('{"choices": ["cat","dog"]}', ['cat', 'dog']),
        (' [{"x": 1, "rectanglelabels": ["cat"]}]', ['cat']),
        ('["cat", "dog"]', ['cat', 'dog']),
        ("['cat', 'dog']", ['cat', 'dog']),
        ("""['cat', "dog's", 'a\\'b']""", ['cat', "dog's", "a'b"]),
        ('[]', []),
        # labels that look like something else
        ('{texts}', None),
        ('{{$HOME:x}}', None),
        ('[/b]', None),
        ('[red]dog[/red]', None),
        ('[1]', None),
        ('{"a": 1}', None),
        ('null', None),
        ('"cat"', None),
        ("['cat', __import__('os')]", None),
        ('[' * 100_000, None),
        ("['" * 50_000, None),
    ],
)
def test_json_in_cells(cell, labels):
    assert labels_of_json(cell) == labels


def read(*cells):
    source = Source('table')
    add_rows(source, 'x.csv', {n: (f'{n}.jpg', cell) for n, cell in enumerate(cells, start=2)})
    return source


def test_single_labels_beside_json_are_not_divided():
    source = read('{"choices": ["cat", "dog"]}', 'cat, wild', '', '[/b]')
    assert [*source.rows.values()] == [['cat', 'dog'], ['cat, wild'], [], ['[/b]']]
    assert source.kind == 'table and labels in JSON'


def test_json_that_is_cut_is_left_out():
    source = read('["cat"]', '{"choices": ["cat","do', '[{"x": 1, "rectanglelab', '{"a')
    assert [*source.rows.values()] == [['cat'], ['{"a']]
    [problem] = source.problems
    assert problem.startswith('x.csv:3: labels \'{"choices": ["cat","do\' are no valid JSON; left')
    assert problem.endswith('(1 more of this kind: x.csv:4)')


def test_braces_in_a_table_without_json_are_labels():
    source = read('{texts};[/b]', '{a, b}')
    assert [*source.rows.values()] == [['{texts}', '[/b]'], ['{a, b}']]
