import numpy as np
import pytest
import torch

from qaclims_mm.functional.permutohedral import PermutohedralFilter


def cloud(count=400, dims=3, reach=4.0, seed=0):
    return reach * torch.rand(count, dims, generator=torch.Generator().manual_seed(seed))


def slow_filter(features, values):
    """The same lattice with one loop a point and a dictionary for its points, in float64."""
    dims = features.shape[1]
    scale = [(2 / 3) ** 0.5 * (dims + 1) / ((i + 1) * (i + 2)) ** 0.5 for i in range(dims)]
    lattice, corners = {}, []
    for point, value in zip(features, values, strict=True):
        scaled = [f * s for f, s in zip(point, scale, strict=True)]
        lifted = [sum(scaled)]
        lifted += [sum(scaled[j:]) - j * scaled[j - 1] for j in range(1, dims + 1)]
        near = [round(x / (dims + 1)) * (dims + 1) for x in lifted]
        rest = np.array(lifted) - near
        rank = np.argsort(np.argsort(-rest, kind='stable')) + sum(near) // (dims + 1)
        for i, r in enumerate(rank):
            near[i] += (dims + 1) * ((r < 0) - int(r > dims))
            rank[i] += (dims + 1) * ((r < 0) - int(r > dims))
        falling = sorted((np.array(lifted) - near) / (dims + 1), reverse=True)
        weights = [1 + falling[-1] - falling[0]]
        weights += [falling[k - 1] - falling[k] for k in range(1, dims + 1)]
        # corner k is k above the first but for the k coordinates of the highest ranks
        ordered = {r: i for i, r in enumerate(rank)}
        found = []
        for k in range(dims + 1):
            corner = np.array(near) + k
            for r in range(dims + 1 - k, dims + 1):
                corner[ordered[r]] -= dims + 1
            found.append(tuple(int(c) for c in corner))
        # weights are those of the corners from the last to the first
        pairs = list(zip(found, [weights[0], *weights[:0:-1]], strict=True))
        corners.append(pairs)
        for corner, weight in pairs:
            lattice[corner] = lattice.get(corner, 0) + weight * value
    for j in range(dims + 1):
        step = np.ones(dims + 1, int)
        step[j] -= dims + 1
        lattice = {
            c: v
            + 0.5 * lattice.get(tuple(np.array(c) + step), 0)
            + 0.5 * lattice.get(tuple(np.array(c) - step), 0)
            for c, v in lattice.items()
        }
    read = [sum(w * lattice[c] for c, w in pairs) for pairs in corners]
    return np.array(read) / (1 + 2.0**-dims)


@pytest.mark.parametrize('dims', [1, 2, 3, 5])
def test_against_a_loop_over_points(dims):
    features, values = cloud(300, dims), torch.rand(300, 2)
    got = PermutohedralFilter(features)(values)
    wanted = slow_filter(features.double().numpy(), values.double().numpy())
    np.testing.assert_allclose(got, wanted, rtol=2e-4)


@pytest.mark.parametrize('dims', [1, 2, 3])
def test_near_the_gaussian(dims):
    features, values = cloud(4000, dims), torch.rand(4000, 1)
    got = PermutohedralFilter(features)(values)[:, 0]
    wanted = ((-0.5 * torch.cdist(features, features) ** 2).exp() @ values)[:, 0]
    inside = ((features > 1.5) & (features < 2.5)).all(1)
    ratio = (got / wanted)[inside]
    # another height, but the same shape
    assert ratio.std() / ratio.mean() < 0.1


def test_any_order_of_points():
    features, values = cloud(300, 3), torch.rand(300, 4)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(1))
    again = PermutohedralFilter(features[order])(values[order])
    wanted = PermutohedralFilter(features)(values)[order]
    torch.testing.assert_close(again, wanted, rtol=1e-4, atol=1e-6)


def test_sums_are_added_to_others_in_any_memory():
    kernel, values, others = (
        PermutohedralFilter(cloud(300, 3)),
        torch.rand(300, 4),
        torch.rand(300, 4),
    )
    wanted = others + kernel(values)
    # larger than needed, and what it holds does not matter
    space = torch.full((2, 4 * kernel.size + 7), float('nan'))
    given = values.clone()
    kernel.add(values, others, space)
    torch.testing.assert_close(others, wanted)
    torch.testing.assert_close(values, given, rtol=0, atol=0)


def test_far_points_share_no_sums():
    features = 30 * torch.arange(20.0)[:, None].expand(20, 5)
    kernel = PermutohedralFilter(features)
    found = kernel(torch.eye(20))
    torch.testing.assert_close(found, found.diagonal().diag())


@pytest.mark.parametrize('weight', [1, 10])
def test_normalised(weight):
    features = torch.cat([cloud(200, 2), torch.full((1, 2), 99.0)])
    kernel = PermutohedralFilter(features)
    kernel.normalise(weight)
    found = kernel(torch.ones(201, 1))[:, 0]
    # a lonely point gets as much as one among many
    assert found[-1] == pytest.approx(weight, rel=1e-4)
    assert found.mean() == pytest.approx(weight, rel=0.1)


@pytest.mark.parametrize('count', [1, 5])
def test_points_at_one_place(count):
    kernel = PermutohedralFilter(torch.full((count, 5), 3.3))
    kernel.normalise()
    assert kernel.size == 6
    # each point has six corners, and each corner is a neighbour of two others
    assert kernel.entries == 2 * 6 * count + 2 * 6
    torch.testing.assert_close(kernel(torch.ones(count, 1)), torch.ones(count, 1))


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_features_that_are_no_numbers(value):
    features = cloud(10)
    features[3, 1] = value
    with pytest.raises(ValueError, match=r'^features must be finite'):
        PermutohedralFilter(features)


def test_features_that_reach_too_far():
    features = 1e5 * cloud(100, 5)
    with pytest.raises(ValueError, match=r'reach too far: the lattice would have \d+ x .* wider'):
        PermutohedralFilter(features)


def test_more_points_than_32_bits_count():
    with pytest.raises(ValueError, match=r'than 32 bits count; give at most 357913941'):
        PermutohedralFilter(torch.empty(1, 5).expand(400_000_000, 5))
