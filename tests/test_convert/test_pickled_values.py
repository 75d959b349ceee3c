import numpy as np
import pytest

from qaclims_mm.convert.pickled_values import Array, DType, Inert, Maker, shown_value
from qaclims_mm.errors import FormatError


def doubled(times=60):
    value = ()
    for _ in range(times):
        value = (value, value)
    return value


@pytest.mark.parametrize(
    ('value', 'shown'),
    [
        ('V8', "'V8'"),
        ('x' * 5_000_000, repr('x' * 100 + '...')),
        (-3, '-3'),
        (True, 'True'),
        (10**5000, 'a huge number'),
        (doubled(), 'a tuple'),
        (b'x' * 5_000_000, 'a bytes'),
        (Maker(len), 'a Maker'),
    ],
    ids=range(8),
)
def test_shown_value(value, shown):
    assert shown_value(value) == shown


@pytest.mark.parametrize('code', ['V8', 'O,O', 'O4', doubled(), 'f' * 1_000_000])
def test_types_that_no_file_needs(code):
    with pytest.raises(FormatError, match=r'^has an array of type .{1,110}$'):
        DType(code)


def test_types():
    kind = DType('f4', False, True)
    kind.__setstate__((3, '>', None, None, None, -1, -1, 0))
    assert kind.numpy() == np.dtype('>f4')
    with pytest.raises(FormatError, match='an array with fields'):
        kind.__setstate__((3, doubled(), None, None, None, -1, -1, 0))


def test_shapes_that_never_end():
    with pytest.raises(FormatError, match='an array of several objects instead of one'):
        Array().__setstate__((1, doubled(), DType('O8'), False, [1]))


def test_nothing_is_set():
    for value in (Maker(len), Inert()):
        with pytest.raises(FormatError, match='changes a'):
            value.__setstate__({'_make': print})
    assert Maker(len)('abc') == 3
