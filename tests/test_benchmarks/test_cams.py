import pytest
import torch

from benchmarks import cams
from benchmarks.cams import check_maps, scaled, upsampled
from qaclims_mm.errors import FormatError

CPU = torch.device('cpu')


def test_scaled():
    maps = torch.tensor([[[2.0, 4.0], [6.0, 10.0]], [[3.0, 3.0], [3.0, 3.0]]])
    assert scaled(maps).tolist() == [[[0, 0.25], [0.5, 1]], [[0, 0], [0, 0]]]


def test_negative_activations_count_as_none():
    maps = torch.tensor([[[[-9.0, 0.0], [1.0, 2.0]]]])
    assert upsampled(maps, torch.zeros(1, 3, 2, 2)).tolist() == [[[[0, 0], [0.5, 1]]]]


def test_all_ways_make_the_same_maps():
    case = cams.build('tiny', CPU)
    results = [way() for way in case.ways.values()]
    assert all(tuple(r.shape) == (4, 2, 112, 112) for r in results)
    case.check(results)
    # maps that are empty would agree, too
    assert results[0].std() > 0.1


@pytest.mark.parametrize('wrong', [0.01, float('nan')])
def test_other_maps_are_refused(wrong):
    maps = torch.rand(1, 2, 4, 4)
    other = maps.clone()
    other[0, 1, 2, 3] += wrong
    check_maps([maps, maps])
    with pytest.raises(FormatError, match='a map differs by'):
        check_maps([other, maps])
