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
    first, found = from_runs(lengths, len(pixels), 1)
    mask = [0] * first + found[:, 0].tolist()
    assert mask + [0] * (len(pixels) - len(mask)) == pixels


def test_lines_without_a_pixel_are_left_out():
    first, lines = from_runs([13, 2, 3, 1, 21, 0], 40, 4)
    assert first == 3
    assert lines.tolist() == [[0, 1, 1, 0], [0, 0, 1, 0]]
    assert from_runs([12], 12, 4)[1].shape == (0, 4)


@pytest.mark.parametrize(
    'lengths', [[2], [4], [], [5, -2], [1 << 62, 1 << 62, 3], [1 << 80], [2, 0, 2]]
)
def test_runs_of_another_number(lengths):
    with pytest.raises(ValueError, match='its runs are not of 3 pixels'):
        from_runs(lengths, 3, 3)
