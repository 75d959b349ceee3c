import numpy as np
import pytest

from qaclims_mm.exchange.masks.runs import from_runs, run_lengths


@pytest.mark.parametrize(
    ('pixels', 'lengths'),
    [
        ([0, 0, 1], [2, 1]),
        ([1, 1, 0], [0, 2, 1]),
        ([0], [1]),
        ([1], [0, 1]),
        ([0, 1, 0, 1], [1, 1, 1, 1]),
    ],
)
def test_there_and_back(pixels, lengths):
    assert run_lengths(np.array(pixels, np.uint8)).tolist() == lengths
    assert from_runs(lengths, len(pixels)).tolist() == pixels


@pytest.mark.parametrize(
    'lengths', [[2], [4], [], [5, -2], [1 << 62, 1 << 62, 3], [1 << 80], [2, 0, 2]]
)
def test_runs_of_another_number(lengths):
    with pytest.raises(ValueError, match='its runs are not of 3 pixels'):
        from_runs(lengths, 3)
