import numpy as np
import pytest
import torch

from benchmarks import random_walk
from benchmarks.random_walk import dense_walk
from qaclims_mm.errors import FormatError
from qaclims_mm.functional.irn_walk import random_walk as ours

CPU = torch.device('cpu')


def test_the_reference_is_the_walk():
    """In float64 it agrees with single steps, which squares nothing."""
    generator = torch.Generator().manual_seed(0)
    cams = torch.rand(2, 7, 9, generator=generator, dtype=torch.float64)
    edge = torch.rand(7, 9, generator=generator, dtype=torch.float64)
    torch.set_default_dtype(torch.float64)
    try:
        dense = dense_walk(cams, edge)
    finally:
        torch.set_default_dtype(torch.float32)
    torch.testing.assert_close(dense, ours(cams, edge, method='steps'), rtol=1e-9, atol=1e-12)


def test_denormal_numbers_are_back_after_the_dense_way(monkeypatch):
    monkeypatch.setitem(random_walk._SIZES, 'tiny', (12, 16))
    *_, dense = random_walk.build('tiny', CPU).ways.values()
    dense()
    assert np.float32(torch.tensor(1e-39) / 2) > 0


def test_maps_are_of_the_size():
    case = random_walk.build('tiny', CPU)
    assert case.work == '256 steps over 2 maps of 40 x 60 cells'
    ours = next(iter(case.ways.values()))
    assert ours().shape == (2, 40, 60)
    # each of the polynomial's terms is a sum over 69 neighbours, which are 138 FLOPs a cell
    assert case.flops % (138 * 2 * 40 * 60) == 0


@pytest.mark.parametrize(('which', 'name'), [(0, 'polynomial'), (1, 'steps')])
def test_another_walk_is_refused(which, name):
    case = random_walk.build('tiny', CPU)
    walks = [torch.ones(2, 40, 60) for _ in case.ways]
    case.check(walks)
    walks[which][1, 20, 30] = 1.01
    with pytest.raises(FormatError, match=rf'^{name} is 1\.0e-02 of the peak off'):
        case.check(walks)
