import pytest
import torch
from helpers import limited

from qaclims_mm.vlms.vqa.halving import halve_on_out_of_memory


@pytest.mark.parametrize(
    ('number', 'size', 'most', 'sizes'),
    [
        (5, 10, 5, [5]),
        (5, 2, 5, [2, 2, 1]),
        (5, 5, 2, [5, 2, 2, 1]),
        (8, 8, 3, [8, 4, 2, 2, 2, 2]),
        (3, 2, 1, [2, 1, 1, 1]),
        (0, 4, 1, []),
    ],
)
def test_halving(number, size, most, sizes):
    seen = []
    doubled = limited(lambda part: [2 * x for x in part], most, seen)
    assert halve_on_out_of_memory(doubled, list(range(number)), size) == [
        2 * x for x in range(number)
    ]
    assert seen == sizes


def test_one_that_does_not_fit():
    sizes = []
    with pytest.raises(torch.OutOfMemoryError, match='out of memory'):
        halve_on_out_of_memory(limited(list, 0, sizes), [1, 2, 3, 4], 4)
    assert sizes == [4, 2, 1]


def test_other_errors_are_not_halved():
    def broken(part):
        raise RuntimeError(f'{len(part)} items')

    with pytest.raises(RuntimeError, match='4 items'):
        halve_on_out_of_memory(broken, [1, 2, 3, 4], 4)
