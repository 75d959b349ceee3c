import pytest

from qaclims_mm.errors import ConfigError
from qaclims_mm.schemas.class_texts import (
    check_known_classes,
    check_same_classes,
    read_class_texts,
    read_texts,
)

CLASSES = ('cat', 'dining table', 'tv monitor')


def test_texts_of_classes_are_kept_as_they_are():
    given = {'cat': ['kitten', '</b> {x}'], '{text}': ()}
    assert read_class_texts('aliases', given) == {'cat': ('kitten', '</b> {x}'), '{text}': ()}
    assert read_texts('x', ['a', 'b']) == ('a', 'b')


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        (['cat'], r"aliases must be {class: list of texts}, but got ['cat']."),
        ('cat', "aliases must be {class: list of texts}, but got 'cat'."),
        (None, 'aliases must be {class: list of texts}, but got None.'),
        # the letters of a text would be taken for texts
        ({'cat': 'kitten'}, "aliases of 'cat' must be a list of texts, but got 'kitten'."),
        ({'cat': None}, "aliases of 'cat' must be a list of texts, but got None."),
        (
            {'cat': {'kitten': 1}},
            "aliases of 'cat' must be a list of texts, but got {'kitten': 1}.",
        ),
        ({'cat': ['a', 3]}, "aliases of 'cat' must be a list of texts, but has 3."),
        ({'cat': ['a', '']}, "aliases of 'cat' must be a list of texts, but has ''."),
        ({'a\nb': 'x'}, "aliases of 'a\\nb' must be a list of texts, but got 'x'."),
    ],
)
def test_what_is_no_table_of_texts(value, message):
    with pytest.raises(ConfigError) as raised:
        read_class_texts('aliases', value)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ('name', 'end'),
    [
        ('dinning table', 'did you mean dining table?'),
        ('tvmonitor', 'did you mean tv monitor?'),
        ('CAT', 'did you mean cat?'),
        ('zebra', 'known are cat, dining table, tv monitor.'),
        (3, 'known are cat, dining table, tv monitor.'),
    ],
)
def test_names_that_are_no_classes(name, end):
    with pytest.raises(ConfigError) as raised:
        check_known_classes('aliases', ['cat', name], CLASSES)
    assert str(raised.value) == f"aliases names the class '{name}', which does not exist; {end}"


def test_some_of_the_classes_and_all_of_them():
    check_known_classes('aliases', ['tv monitor'], CLASSES)
    check_same_classes('class_names', list(CLASSES), CLASSES)


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        (['cat', 'tv monitor', 'dining table'], "but number 1 is 'tv monitor' in place of 'dining"),
        (['cat', 'dining table'], 'must name the 3 classes of the dataset, but names 2'),
        ([*CLASSES, 'cat'], 'must name the 3 classes of the dataset, but names 4'),
        (['cat', 'dinig table', 'tv monitor'], 'did you mean dining table'),
    ],
)
def test_lists_of_other_classes(names, message):
    with pytest.raises(ConfigError, match=message):
        check_same_classes('class_names', names, CLASSES)
