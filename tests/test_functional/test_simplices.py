import torch

from qaclims_mm.functional import simplices as module
from qaclims_mm.functional.simplices import locate


def cloud(count, dims=5):
    return 4 * torch.rand(count, dims, generator=torch.Generator().manual_seed(0))


def test_weights_and_keys_of_simplices():
    simplices = locate(cloud(500))
    assert simplices.weights.min() > -1e-5
    assert simplices.weights.shape == (500, 6)
    torch.testing.assert_close(simplices.weights.sum(1), torch.ones(500))
    keys = torch.stack(list(simplices.keys()))
    assert keys.shape == (6, 500)
    assert (keys.sort(0).values.diff(dim=0) != 0).all()


def test_parts_of_the_points_make_no_difference(monkeypatch):
    features = cloud(300)
    wanted = locate(features)
    monkeypatch.setattr(module, '_CHUNK', 7)
    for found, other in zip(locate(features)[:3], wanted[:3], strict=True):
        torch.testing.assert_close(found, other, rtol=0, atol=0)
