import pytest

from qaclims_mm.projects.before import Before
from qaclims_mm.projects.changes import describe_changes


def test_tables_as_they_were(tmp_path):
    before = Before(tmp_path, rows={'a.png': ['cat', 'dog']}, classes=('cat', 'dog'))
    assert describe_changes(before, {'a.png': ['dog', 'cat']}, ['cat', 'dog'], {}) == []


@pytest.mark.parametrize(
    ('rows', 'classes', 'lines'),
    [
        ({'a': ['cat'], 'b': ['cow']}, ['cat', 'cow'], []),
        ({'a': ['cat']}, ['cat'], ['1 image is gone', 'classes that are gone: cow']),
        (
            {'a': ['cow'], 'b': ['cow'], 'c': [], 'd': []},
            ['cow'],
            [
                '2 images are new, 1 image has other labels',
                'classes that are gone: cat',
                'values of masks that change: cow 2 -> 1',
            ],
        ),
        (
            {'a': ['cat'], 'b': ['cow', '[/b]']},
            ['cat', 'cow', '[/b]'],
            ['1 image has other labels', 'new classes: [/b] (value 3)'],
        ),
    ],
)
def test_what_has_changed(tmp_path, rows, classes, lines):
    before = Before(tmp_path, rows={'a': ['cat'], 'b': ['cow']}, classes=('cat', 'cow'))
    assert describe_changes(before, rows, classes, {}) == lines


@pytest.mark.parametrize(
    ('names', 'classes', 'lines'),
    [
        ({'cat': 'cat', 'cow': 'ox'}, ['cat', 'ox'], ['renamed: cow -> ox (value 2)']),
        # a swap, of which no value changes
        (
            {'cat': 'cow', 'cow': 'cat'},
            ['cow', 'cat'],
            ['renamed: cat -> cow (value 1), cow -> cat (value 2)'],
        ),
        # a class joins another one
        ({'cow': 'cat'}, ['cat'], ['renamed: cow -> cat (value 1)']),
        (
            {'cat': 'cow'},
            ['cow'],
            ['renamed: cat -> cow (value 1)', 'values of masks that change: cow 2 -> 1'],
        ),
        (
            {'cat': 'dog', 'cow': 'dog'},
            ['dog'],
            ['renamed: cat -> dog (value 1), cow -> dog (value 1)'],
        ),
    ],
)
def test_renamed_classes(tmp_path, names, classes, lines):
    before = Before(tmp_path, rows={'a': ['cat'], 'b': ['cow']}, classes=('cat', 'cow'))
    rows = {'a': [names.get('cat', 'cat')], 'b': [names.get('cow', 'cow')]}
    assert describe_changes(before, rows, classes, names) == lines
