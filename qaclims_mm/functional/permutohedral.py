"""The permutohedral lattice as sparse matrices: Gaussian filters over many features on any device.

Shapes: P points of D features, M lattice points, C columns of values.
"""

import warnings
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

_LARGEST_KEY = 2**62
_MOST_ENTRIES = 2**31 - 1


class Simplices(NamedTuple):
    """Where points lie in the lattice, one column a point.

    Attributes:
        keys: Integer of each of the D + 1 corners, int64 ``(D + 1, P)``.
        weights: Barycentric weights of the corners, ``(D + 1, P)``.
        steps: What the keys of the next lattice points differ by, one of each direction, D + 1.
    """

    keys: Tensor
    weights: Tensor
    steps: Sequence[int]


class PermutohedralFilter:
    """Sums of values under a Gaussian of deviation 1 in the space of their features.

    Values are spread over the corners of their simplex, blurred along each direction of the lattice
    and read back: three sparse matrices, whose product is not normalised.

    Args:
        features: In units of the Gaussian's deviation, float32 ``(P, D)``.

    Raises:
        ValueError: If features are not finite, or reach too far for the lattice.

    Source:
        Adams, Baek and Davis, Fast High-Dimensional Filtering Using the Permutohedral Lattice,
        2010; the details that decide the numbers are those of Kraehenbuehl's code.
    """

    def __init__(self, features: Tensor) -> None:
        count, dims = features.shape
        if count * (dims + 1) > _MOST_ENTRIES:
            raise ValueError(
                f'{count} points of {dims} features have more corners than 32 bits count; '
                f'give at most {_MOST_ENTRIES // (dims + 1)} points.'
            )
        simplices = locate(features)
        corners, spread, cells = _number(simplices)
        self._read = _csr(
            _regular(count, dims + 1, features.device),
            corners.t().flatten(),
            simplices.weights.t().flatten(),
            sum(map(len, cells)),
        )
        self._spread = spread
        self._blurs = [_blur(cells, step, features.dtype) for step in simplices.steps]
        self._gain = 1 / (1 + 2.0**-dims)

    @property
    def size(self) -> int:
        """Number of lattice points."""
        return self._read.shape[1]

    def __call__(self, values: Tensor) -> Tensor:
        """Return the sums, float32 ``(P, C)``.

        Args:
            values: Float32 ``(P, C)``.
        """
        values = self._spread @ values
        for blur in self._blurs:
            values = blur @ values
        return (self._read @ values).mul_(self._gain)

    def normalise(self) -> None:
        """Scale, so that ones become about ones, symmetrically: by the root at both ends."""
        count = self._read.shape[0]
        ones = self._read.values().new_ones(count, 1)
        scale = (self(ones)[:, 0] + 1e-20).rsqrt()
        per_point = self._read.values().view(count, -1)
        per_point *= scale[:, None]
        self._spread.values().mul_(scale[self._spread.col_indices()])


def locate(features: Tensor) -> Simplices:
    """Find the simplex of each point.

    Args:
        features: Float32 ``(P, D)``.

    Raises:
        ValueError: If features are not finite, or reach too far for keys of 64 bits.
    """
    dims = features.shape[1]
    lifted = _lift(features)
    if not lifted.isfinite().all():
        raise ValueError('features must be finite, but some are NaN or infinite.')
    # the nearest point of the lattice whose coordinates are multiples of D + 1
    near = (lifted * (1 / (dims + 1))).round()
    rest = lifted - near * (dims + 1)
    excess = near.sum(0).to(torch.int8)
    rank = torch.zeros_like(rest, dtype=torch.int8)
    for low, high in combinations(range(dims + 1), 2):
        smaller = rest[low] < rest[high]
        rank[low] += smaller
        rank[high] += ~smaller
    # it may lie off the plane of the lattice, whose coordinates add up to 0
    rank += excess
    moved = (rank < 0).to(torch.int8) - (rank > dims).to(torch.int8)
    rank += moved * (dims + 1)
    near += moved
    ranks = rank.long()
    falling = torch.empty_like(rest).scatter_(0, ranks, ((lifted - near * (dims + 1)) * (1 / (dims + 1)))).flip(0)
    weights = falling.clone()
    weights[1:] -= falling[:-1]
    weights[0] += 1 - falling[-1]
    keys, steps = _keys(near[:dims].long(), ranks)
    return Simplices(keys, weights, steps)


def _lift(features: Tensor) -> Tensor:
    """Return points of the plane in D + 1 dimensions whose coordinates add up to 0."""
    dims = features.shape[1]
    lifted = features.new_empty(dims + 1, len(features))
    total = features.new_zeros(len(features))
    spread = float(torch.tensor((2 / 3) ** 0.5 * (dims + 1)))
    for index in range(dims, 0, -1):
        scale = 1 / (index * (index + 1)) ** 0.5 * spread
        value = features[:, index - 1] * scale
        lifted[index] = total - index * value
        total += value
    lifted[0] = total
    return lifted


def _keys(near: Tensor, ranks: Tensor) -> tuple[Tensor, list[int]]:
    """Return an integer of each corner, from its first D coordinates.

    Args:
        near: Coordinates of the first corner over D + 1, ``(D, P)``.
        ranks: Order in which the coordinates change from corner to corner, ``(D + 1, P)``.
    """
    dims = len(near)
    near = near - near.amin(1, keepdim=True)
    # one corner before and behind, for neighbours that are not there
    sides = [int(side) * (dims + 1) + 4 * (dims + 1) for side in near.amax(1).tolist()]
    strides = [1]
    for side in sides[:0:-1]:
        strides.insert(0, strides[0] * side)
    if strides[0] * sides[0] > _LARGEST_KEY:
        raise ValueError(
            'the features reach too far: the lattice would have '
            f'{" x ".join(map(str, sides))} places; take wider kernels or a smaller picture.'
        )
    stride = torch.tensor([*strides, 0], device=near.device)
    first = (near * (stride[:-1, None] * (dims + 1))).sum(0)
    # corner k adds 1 to all coordinates, and D + 1 less to the one that ranks D + 1 - k
    change = torch.empty_like(ranks).scatter_(0, ranks, stride[:, None].expand_as(ranks))
    change = stride.sum() - (dims + 1) * change.flip(0)
    keys = torch.cat([first[None], change[:-1]]).cumsum(0)
    total = sum(strides)
    return keys, [total - (dims + 1) * s for s in (*strides, 0)]


def _number(simplices: Simplices) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Number the lattice points from 0.

    Corner k of a simplex is corner k of all that it is one of, so the corners are numbered apart.

    Returns:
        Number of each corner int32 ``(D + 1, P)``, the matrix ``(M, P)`` that spreads values, and
        the keys of each kind of corner in rising order.
    """
    numbers = torch.empty_like(simplices.keys, dtype=torch.int32)
    cells, points, ends, done = [], [], [], 0
    for corner, keys in enumerate(simplices.keys):
        keys, order = keys.sort()
        new = torch.ones_like(keys, dtype=torch.bool)
        new[1:] = keys[1:] != keys[:-1]
        place = new.cumsum(0) + (done - 1)
        numbers[corner, order] = place.int()
        cells.append(keys[new])
        points.append(order)
        ends.append(new.nonzero()[:, 0] + corner * len(keys))
        done += len(cells[-1])
    weights = torch.cat([w[o] for w, o in zip(simplices.weights, points, strict=True)])
    columns = torch.cat(points)
    rows = torch.cat([*ends, ends[0].new_full((1,), len(columns))])
    return numbers, _csr(rows, columns, weights, numbers.shape[1]), cells


def _blur(cells: list[Tensor], step: int, dtype: torch.dtype) -> Tensor:
    """Return the matrix ``(M, M)`` that adds half of both neighbours along a direction."""
    starts = [0]
    for keys in cells:
        starts.append(starts[-1] + len(keys))
    here, there = [], []
    # a step leads from corner k to corner k + 1
    for corner, keys in enumerate(cells):
        other = (corner + 1) % len(cells)
        wanted = keys + step
        place = torch.searchsorted(cells[other], wanted).clamp_(max=len(cells[other]) - 1)
        found = (cells[other][place] == wanted).nonzero()[:, 0]
        here.append(found + starts[corner])
        there.append(place[found] + starts[other])
    low, high = torch.cat(here), torch.cat(there)
    every = torch.arange(starts[-1], device=low.device)
    rows = torch.cat([every, low, high])
    columns = torch.cat([every, high, low])
    values = torch.full_like(rows, 0.5, dtype=dtype)
    values[: len(every)] = 1
    rows, order = rows.sort(stable=True)
    bounds = torch.searchsorted(rows, torch.arange(len(every) + 1, device=low.device))
    return _csr(bounds, columns[order], values[order], len(every))


def _regular(rows: int, each: int, device: torch.device) -> Tensor:
    return torch.arange(0, rows * each + 1, each, device=device)


def _csr(rows: Tensor, columns: Tensor, values: Tensor, width: int) -> Tensor:
    """Return a sparse matrix of int32 indices."""
    with warnings.catch_warnings():
        # torch calls all of CSR beta
        warnings.filterwarnings('ignore', 'Sparse CSR tensor support', UserWarning)
        return torch.sparse_csr_tensor(
            rows.int(),
            columns.int(),
            values,
            (len(rows) - 1, width),
            check_invariants=False,
        )
