import math

import numpy as np
import pytest
import torch

from qaclims_mm.functional.irn_walk import (
    PathIndex,
    chebyshev_coefficients,
    edge_to_affinity,
    random_walk,
)


def naive_path(y, x):
    """Cells less than one off the line from (0, 0) to (y, x), inside the box of the two."""
    ys, xs = range(min(0, y), max(0, y) + 1), range(min(0, x), max(0, x) + 1)
    length = math.hypot(y, x)
    return {(a, b) for a in ys for b in xs if abs(y * b - x * a) / length < 1}


def dense_walk(cams, edge, radius, beta, exp_times):
    """The whole n x n matrix, cell by cell and path by path, squared."""
    height, width = edge.shape
    matrix = torch.eye(height * width, dtype=torch.float64)
    value = edge.double()
    for y in range(height):
        for x in range(width):
            for v in range(height):
                for u in range(width):
                    if (v, u) == (y, x) or math.hypot(v - y, u - x) >= radius:
                        continue
                    # a path and its way back are one: it goes from the upper end
                    (a, b), (c, d) = sorted([(y, x), (v, u)])
                    highest = 0.0
                    for dy, dx in naive_path(c - a, d - b):
                        inside = 0 <= a + dy < height and 0 <= b + dx < width
                        highest = max(highest, float(value[a + dy, b + dx]) if inside else 1.0)
                    matrix[y * width + x, v * width + u] = (1 - highest) ** beta
    matrix = matrix / matrix.sum(0, keepdim=True)
    for _ in range(exp_times):
        matrix = matrix @ matrix
    start = (cams.double() * (1 - value)).flatten(1)
    return (start @ matrix).view(cams.shape)


def maps(shape=(7, 9), classes=2, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    edge = torch.rand(shape, generator=generator, dtype=dtype) ** 3
    return torch.rand(classes, *shape, generator=generator, dtype=dtype), edge


@pytest.mark.parametrize('radius', [2, 3, 5])
def test_paths_against_their_definition(radius):
    index = PathIndex(radius, (12, 14))
    ends = [tuple(e) for e in index.search_dst.tolist()]
    wanted = {
        (y, x)
        for y in range(radius)
        for x in range(-radius, radius + 1)
        if math.hypot(y, x) < radius and (y > 0 or x > 0)
    }
    assert set(ends) == wanted
    assert len(ends) == len(wanted)
    for end, path in zip(ends, index.paths, strict=True):
        assert path[0] == end
        assert path[-1] == (0, 0)
        assert set(path) == naive_path(*end)


def test_indices_lie_on_the_device_of_the_maps():
    here = PathIndex(4, (8, 11))
    index = here.to('meta')
    for name in ('search_dst', 'src_indices', 'dst_indices'):
        there = getattr(index, name)
        assert there.device.type == 'meta'
        assert there.shape == getattr(here, name).shape


def test_indices_stay_on_the_map():
    index = PathIndex(4, (8, 11))
    cells = [divmod(i, 11) for i in index.src_indices.tolist()]
    assert cells == [(y, x) for y in range(5) for x in range(3, 8)]
    for end, row in zip(index.search_dst.tolist(), index.dst_indices.tolist(), strict=True):
        assert [divmod(i, 11) for i in row] == [(y + end[0], x + end[1]) for y, x in cells]


@pytest.mark.parametrize('size', [(3, 20), (20, 6)])
def test_a_map_without_room_for_a_path(size):
    with pytest.raises(ValueError, match=f'a map of {size[0]} x {size[1]} cells is too small'):
        PathIndex(4, size)


def test_affinity_against_a_naive_loop():
    edge = torch.rand(2, 1, 7, 10, generator=torch.Generator().manual_seed(0))
    index = PathIndex(3, (7, 10))
    got = edge_to_affinity(edge, index)
    assert got.shape == (2, len(index.paths), 5 * 6)
    for b in range(2):
        for d, end in enumerate(index.search_dst.tolist()):
            for n, source in enumerate(index.src_indices.tolist()):
                y, x = divmod(source, 10)
                highest = max(float(edge[b, 0, y + a, x + c]) for a, c in naive_path(*end))
                assert got[b, d, n].item() == pytest.approx(1 - highest)
    torch.testing.assert_close(edge_to_affinity(edge[:, 0], index), got)


@pytest.mark.parametrize('method', ['chebyshev', 'steps'])
@pytest.mark.parametrize(('radius', 'beta', 'exp_times'), [(5, 10, 8), (3, 8, 4), (2, 1, 0)])
def test_walk_against_the_dense_matrix(method, radius, beta, exp_times):
    cams, edge = maps()
    wanted = dense_walk(cams, edge, radius, beta, exp_times)
    got = random_walk(cams, edge, radius, beta, exp_times, method)
    torch.testing.assert_close(got, wanted, rtol=1e-6, atol=1e-12)


def test_walk_of_a_narrow_map():
    cams, edge = maps((1, 6))
    torch.testing.assert_close(
        random_walk(cams, edge), dense_walk(cams, edge, 5, 10, 8), rtol=1e-6, atol=1e-12
    )


def test_walk_of_a_batch_is_that_of_its_images():
    pairs = [maps(seed=s) for s in range(3)]
    cams, edge = (torch.stack(x) for x in zip(*pairs, strict=True))
    torch.testing.assert_close(
        random_walk(cams, edge), torch.stack([random_walk(c, e) for c, e in pairs])
    )


@pytest.mark.parametrize('size', [(28, 28), (27, 31), (11, 13)])
def test_no_bit_depends_on_the_other_images_of_a_batch(size):
    torch.manual_seed(0)
    cams, edge = torch.rand(5, 2, *size), torch.rand(5, *size)
    alone = torch.stack([random_walk(c, e) for c, e in zip(cams, edge, strict=True)])
    for number in (2, 5):
        assert torch.equal(random_walk(cams[:number], edge[:number]), alone[:number])


def test_walk_in_single_precision():
    cams, edge = maps((30, 40), seed=3)
    wanted = random_walk(cams, edge, method='steps')
    got = random_walk(cams.float(), edge.float())
    assert got.dtype == torch.float32
    # rounding alone moves the single steps as far
    assert (got - wanted).abs().max() <= 3e-4 * wanted.max()


def test_walls_are_not_crossed():
    edge = torch.zeros(12, 16)
    edge[:, 8] = 1
    cams = torch.zeros(1, 12, 16)
    cams[0, 5, 2] = 1
    walked = random_walk(cams, edge)
    assert walked[0, :, 9:].abs().max() < 1e-7
    assert walked[0, :, :8].min() > 1e-3


@pytest.mark.parametrize('steps', [1, 2, 16, 255, 256])
def test_chebyshev_coefficients(steps):
    t = np.linspace(-1, 1, 2001)
    for tolerance in (1e-3, 1e-7, 1e-13):
        series = np.polynomial.chebyshev.chebval(t, chebyshev_coefficients(steps, tolerance))
        assert np.abs(series - t**steps).max() <= tolerance + 1e-14
    assert len(chebyshev_coefficients(256, 1e-7)) <= 90


@pytest.mark.parametrize(
    ('cams', 'edge', 'message'),
    [
        ((2, 8, 9), (8, 8), 'must be of one size'),
        ((2, 8, 9), (1, 8, 9), 'must be of one size'),
    ],
)
def test_maps_and_edges_that_disagree(cams, edge, message):
    with pytest.raises(ValueError, match=message):
        random_walk(torch.zeros(cams), torch.zeros(edge))


def test_unknown_method():
    with pytest.raises(ValueError, match=r"method must be one of .* but got 'dense'"):
        random_walk(*maps(), method='dense')


@pytest.mark.goldens
def test_path_index_of_the_released_code(goldens_dir):
    golden = np.load(goldens_dir / 'path_index.npz')
    # rows of sources stand radius - 1 cells off the left, the right and the lower border
    radius, src = int(golden['search_dst'].max()) + 1, golden['src']
    columns = int(np.argmax(np.diff(src) != 1)) + 1
    height, width = len(src) // columns + radius - 1, int(src[columns] - src[0])
    index = PathIndex(radius, (height, width))
    np.testing.assert_array_equal(index.search_dst, golden['search_dst'])
    np.testing.assert_array_equal(index.src_indices, golden['src'])
    np.testing.assert_array_equal(index.dst_indices, golden['dst'])
    groups = [golden[f'p{i}'] for i in range(len(golden['n']))]
    released = [path for group in groups for path in group]
    for path, cells in zip(index.paths, released, strict=True):
        flat = index.src_indices.numpy() + np.array([y * width + x for y, x in path])[:, None]
        np.testing.assert_array_equal(np.sort(flat, 0), np.sort(cells, 0))


@pytest.mark.goldens
@pytest.mark.parametrize('method', ['chebyshev', 'steps'])
def test_walk_of_the_released_code(method, goldens_dir):
    golden = np.load(goldens_dir / 'random_walk.npz')
    assert golden['n'] > 0
    for case in range(golden['n']):
        radius, beta, exp_times = golden[f'{case}_cfg'].tolist()
        cams, edge = (torch.from_numpy(golden[f'{case}_{k}']) for k in ('cam', 'edge'))
        wanted = torch.from_numpy(golden[f'{case}_rw'])[:, 0]
        got = random_walk(cams, edge[0], radius, beta, exp_times, method)
        differ = (got - wanted).abs() / wanted.abs().clamp(min=1e-6 * wanted.max())
        assert differ.max() < 1e-3, case


def test_large_maps_are_walked_one_by_one_to_the_same_values(monkeypatch):
    random = torch.Generator().manual_seed(0)
    cams = torch.rand(2, 3, 12, 15, generator=random)
    edge = torch.rand(2, 12, 15, generator=random)
    together = random_walk(cams, edge, exp_times=4)
    monkeypatch.setattr('qaclims_mm.functional.irn_walk.SERIAL', 10)
    torch.testing.assert_close(random_walk(cams, edge, exp_times=4), together)
