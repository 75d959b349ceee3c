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


@pytest.mark.parametrize('kind', [torch.OutOfMemoryError, ValueError])
@pytest.mark.parametrize('bad', [(), (0,), (3,), (4, 5), tuple(range(7))])
def test_items_that_are_refused_by_themselves(kind, bad):
    def doubled(part):
        if {*bad} & {*part}:
            raise kind(f'{len(part)} items')
        return [2 * x for x in part]

    refused = []

    def refuse(item, error):
        refused.append(item)
        return f'{item}: {error}'

    found = halve_on_out_of_memory(doubled, list(range(7)), 4, refuse)
    assert found == [f'{x}: 1 items' if x in bad else 2 * x for x in range(7)]
    assert refused == list(bad)


def test_a_bug_is_no_refusal():
    def broken(part):
        raise RuntimeError('a bug')

    with pytest.raises(RuntimeError, match='a bug'):
        halve_on_out_of_memory(broken, [1, 2], 2, refuse=lambda item, error: item)
