import pytest

from qaclims_mm.exchange.labels.values import labels_of_value, text_of


@pytest.mark.parametrize(
    ('value', 'text'),
    [
        ('NA', 'NA'),
        ('', ''),
        (True, 'true'),
        (7, '7'),
        (7.0, '7'),
        (7.5, '7.5'),
        (None, None),
        ([1], None),
        ({}, None),
        (float('nan'), 'nan'),
    ],
)
def test_texts(value, text):
    assert text_of(value) == text


@pytest.mark.parametrize(
    ('value', 'labels'),
    [
        (None, []),
        ('cat, dog', ['cat, dog']),
        (['cat', 'dog', 'cat', None], ['cat', 'dog']),
        ({'choices': ['cat']}, ['cat']),
        ({'choices': 'cat'}, ['cat']),
        ({'bbox': [[1, 2]], 'categories': [0, 3]}, ['0', '3']),
        ([{'label': 'cat'}, {'category': 'dog'}], ['cat', 'dog']),
        ([{'brushlabels': ['cat'], 'rle': [1]}], ['cat']),
        ({'taxonomy': [['animal', 'cat'], 'dog', [], [1]]}, ['cat', 'dog']),
        ({'x': 1}, None),
        (['cat', {'x': 1}], None),
        ([], []),
    ],
)
def test_labels(value, labels):
    assert labels_of_value(value) == labels
