import numpy as np
import pytest

from qaclims_mm.errors import ConfigError
from qaclims_mm.ranges import check_shares, check_whole


def test_values_in_range():
    check_shares(a=0, b=1, c=0.5, d=np.float32(0.2))
    check_whole(a=1, b=99, c=np.int64(3))
    check_whole(least=0, seed=0)


@pytest.mark.parametrize('value', [1.5, -0.1, float('nan'), float('inf'), '0.5', None, True, [0.5]])
def test_values_that_are_no_shares(value):
    with pytest.raises(ConfigError) as raised:
        check_shares(a=0, b=value)
    assert str(raised.value) == f'b must be in [0, 1], but got {value!r}.'


@pytest.mark.parametrize('value', [0, -3, 1.0, 2.5, float('nan'), '4', None, True, (4,)])
def test_values_that_are_no_whole_numbers(value):
    with pytest.raises(ConfigError) as raised:
        check_whole(a=1, b=value)
    assert str(raised.value) == f'b must be a whole number of at least 1, but got {value!r}.'


def test_the_least_number():
    with pytest.raises(ConfigError, match='must be a whole number of at least 10, but got 9'):
        check_whole(least=10, steps=9)
