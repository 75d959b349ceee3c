import numpy as np
import pytest
import torch

from qaclims_mm.functional.crf_labels import CRFSettings, DenseCRF, label_energy
from qaclims_mm.functional.crf_torch import SparseGrid, TorchDenseCRF, gaussian_blur


def brute_force(points, values):
    """Sum every pair of points under the Gaussian."""
    return values @ (-0.5 * torch.cdist(points, points) ** 2).exp()


@pytest.mark.parametrize('dimensions', [1, 2, 3])
def test_grid_against_all_pairs(dimensions):
    random = torch.Generator().manual_seed(0)
    points = 5 * torch.rand(6000, dimensions, generator=random)
    values = torch.rand(2, 6000, generator=random)
    got, wanted = SparseGrid(points).filter(values), brute_force(points, values)
    # inside, where all cells around are occupied
    inside = ((points > 1.5) & (points < 3.5)).all(1)
    error = (got / wanted - 1)[:, inside]
    assert error.abs().max() < 0.04 * dimensions
    assert error.mean().abs() < 0.01 * dimensions


def test_grid_takes_any_origin_and_order():
    random = torch.Generator().manual_seed(0)
    points = 9 * torch.rand(500, 5, generator=random)
    values = torch.rand(3, 500, generator=random)
    once = SparseGrid(points).filter(values)
    order = torch.randperm(500, generator=random)
    again = SparseGrid(points[order] - 77).filter(values[:, order])
    torch.testing.assert_close(again, once[:, order], rtol=1e-3, atol=1e-3)


def test_blur_against_all_pairs():
    maps = torch.rand(2, 12, 17, dtype=torch.float64)
    place = torch.cartesian_prod(torch.arange(12.0), torch.arange(17.0)).double()
    wanted = brute_force(place / 1.5, maps.flatten(1)).view_as(maps)
    torch.testing.assert_close(gaussian_blur(maps, 1.5), wanted, rtol=1e-3, atol=1e-3)


def scene(labels=3):
    """Return a picture of discs on a gradient, and labels that miss their contours."""
    rows, columns = np.mgrid[:60, :80]
    picture = np.stack([columns * 2, rows * 2, np.full_like(rows, 90)], -1)
    truth = np.zeros((60, 80), dtype=np.int64)
    given = truth.copy()
    for k, (y, x, radius) in enumerate([(22, 22, 14), (36, 58, 16)][: labels - 1], start=1):
        distance = np.hypot(rows - y, columns - x)
        truth[distance < radius] = k
        given[np.hypot(rows - y - 3, columns - x + 3) < radius - 3] = k
        picture[distance < radius] = (220, 80 * k, 20)
    return picture.astype(np.uint8), truth, given


def iou(a, b, labels):
    return np.mean(
        [((a == k) & (b == k)).sum() / ((a == k) | (b == k)).sum() for k in range(labels)]
    )


@pytest.mark.parametrize('labels', [2, 3])
def test_labels_are_those_of_the_library(labels):
    picture, truth, given = scene(labels)
    energy = label_energy(given, labels)
    settings = CRFSettings()
    library, ours = (
        field(picture, labels, settings)(energy) for field in (DenseCRF, TorchDenseCRF)
    )
    np.testing.assert_allclose(ours.sum(0), 1, rtol=1e-5)
    found = library.argmax(0), ours.argmax(0)
    assert iou(*found, labels) > 0.95
    # both are better than what they were given
    assert min(iou(f, truth, labels) for f in found) > iou(given, truth, labels) + 0.1


def test_energies_of_another_shape():
    with pytest.raises(ValueError, match=r'must be \(2, 60, 80\), but got \(3, 60, 80\)'):
        TorchDenseCRF(scene()[0], 2, CRFSettings())(np.zeros((3, 60, 80), np.float32))
