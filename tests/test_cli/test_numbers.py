import argparse

import pytest

from qaclims_mm.cli._numbers import positive


def test_whole_numbers_above_0():
    assert [positive(text) for text in ('1', '10', '007', '999999999')] == [1, 10, 7, 999_999_999]


@pytest.mark.parametrize('text', ['0', '-1', '1.5', '1e3', '', ' 1', '²', '٣', '9' * 5000])
def test_other_texts(text):
    with pytest.raises(argparse.ArgumentTypeError, match=r'^must be a whole number above 0, but'):
        positive(text)
