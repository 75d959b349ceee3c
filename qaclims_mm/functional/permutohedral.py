"""The permutohedral lattice as sparse matrices: Gaussian filters over many features on any device.

Shapes: P points of D features, M lattice points, C columns of values.
"""

import warnings
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

import torch
from torch import Tensor

_LARGEST_KEY = 2**62
_MOST_ENTRIES = 2**31 - 1
# points that are located at once; more would only need more memory
_CHUNK = 2**14


class Simplices(NamedTuple):
    """The position of points in the lattice.

    Attributes:
        first: Integer of the first corner, int64 ``(P,)``.
        changes: Which coordinate leads from each corner to the next, int8 ``(D, P)``.
        weights: Barycentric weights of the corners, ``(P, D + 1)``.
        steps: Increment of the integer along each coordinate, D + 1.
    """

    first: Tensor
    changes: Tensor
    weights: Tensor
    steps: Sequence[int]

    def keys(self) -> Iterator[Tensor]:
        """Yield the integers of each corner, ``(P,)``."""
        steps = torch.tensor(self.steps, device=self.first.device)
        key = self.first
        yield key
        for change in self.changes:
            key = key + steps.index_select(0, change.int())
            yield key


class PermutohedralFilter:
    """Sums of values, weighted by a Gaussian of standard deviation 1 over their features.

    Values are spread over the corners of their simplex, blurred along each direction of the lattice
    and read back. Each step is a sparse matrix; the product of the matrices is not normalised.
    A blur adds half of both neighbours, so all blurs share one array of halves.

    Args:
        features: Features in units of the standard deviation, float32 ``(P, D)``.

    Raises:
        ValueError: If features are not finite, or too large for the lattice.

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
        corners, self._spread, cells = _number(simplices)
        size = sum(map(len, cells))
        rows = torch.arange(0, corners.numel() + 1, dims + 1, device=features.device)
        self._read = _csr(rows, corners.flatten(), simplices.weights.flatten(), size)
        self._read.values().mul_(1 / (1 + 2.0**-dims))
        # what stays lies together, so that what is freed leaves no small gaps between; pages of
        # the CPU's memory that are never written are not taken
        rows = corners.new_zeros(dims + 1, size + 1)
        columns = corners.new_empty(2 * rows.numel())
        ends = [0]
        for row, step in zip(rows, simplices.steps, strict=True):
            ends.append(ends[-1] + _find_neighbours(cells, step, row, columns[ends[-1] :]))
        parts = list(pairwise(ends))
        halves = features.new_full((max(b - a for a, b in parts),), 0.5)
        self._blurs = [
            _csr(row, columns[a:b], halves[: b - a], size)
            for row, (a, b) in zip(rows, parts, strict=True)
        ]

    @property
    def size(self) -> int:
        """Number of lattice points."""
        return self._read.shape[1]

    @property
    def entries(self) -> int:
        """Number of matrix entries by which a column of values is multiplied."""
        return sum(len(m.values()) for m in (self._read, self._spread, *self._blurs))

    def __call__(self, values: Tensor) -> Tensor:
        """Return the sums, float32 ``(P, C)``.

        Args:
            values: Float32 ``(P, C)``.
        """
        sums = torch.zeros_like(values)
        self.add(values, sums, values.new_empty(2, self.size * values.shape[1]))
        return sums

    def add(self, values: Tensor, sums: Tensor, space: Tensor) -> None:
        """Add the sums to given numbers.

        Args:
            values: Float32 ``(P, C)``.
            sums: What the sums are added to, float32 ``(P, C)``.
            space: Memory to work in, float32 ``(2, n)`` with n at least ``size`` times C; calls
                that share it save the time of allocating it.
        """
        count, columns = self.size, values.shape[1]
        here, there = space[:, : count * columns].view(2, count, columns)
        torch.addmm(here.zero_(), self._spread, values, out=here)
        for blur in self._blurs:
            torch.addmm(here, blur, here, out=there)
            here, there = there, here
        torch.addmm(sums, self._read, here, out=sums)

    def normalise(self, weight: float = 1) -> None:
        """Scale symmetrically, by the root at both ends, so that ones become about ``weight``."""
        count = self._read.shape[0]
        ones = self._read.values().new_ones(count, 1)
        scale = (self(ones)[:, 0] + 1e-20).rsqrt()
        per_point = self._read.values().view(count, -1)
        per_point *= weight * scale[:, None]
        self._spread.values().mul_(scale.index_select(0, self._spread.col_indices()))


def locate(features: Tensor) -> Simplices:
    """Find the simplex of each point.

    Args:
        features: Float32 ``(P, D)``.

    Raises:
        ValueError: If features are not finite, or too large for keys of 64 bits.
    """
    count, dims = features.shape
    near = features.new_empty(dims, count, dtype=torch.int32)
    changes = torch.empty_like(near, dtype=torch.int8)
    weights = features.new_empty(count, dims + 1)
    for part in torch.arange(count, device='cpu').split(_CHUNK):
        here = slice(int(part[0]), int(part[-1]) + 1)
        near[:, here], changes[:, here], weights[here] = _locate(features[here])
    near -= near.amin(1, keepdim=True)
    # one corner before and behind, for neighbours that are not there
    sides = [(int(side) + 4) * (dims + 1) for side in near.amax(1).tolist()]
    strides = [1]
    for side in sides[:0:-1]:
        strides.insert(0, strides[0] * side)
    if strides[0] * sides[0] > _LARGEST_KEY:
        raise ValueError(
            'the features reach too far: the lattice would have '
            f'{" x ".join(map(str, sides))} places; take wider kernels or a smaller picture.'
        )
    first = torch.zeros_like(near[0], dtype=torch.int64)
    for coordinate, stride in zip(near, strides, strict=True):
        first += coordinate.long() * ((dims + 1) * stride)
    # the next corner has 1 more in all coordinates, and D + 1 less in one
    total = sum(strides)
    return Simplices(first, changes, weights, [total - (dims + 1) * s for s in (*strides, 0)])


def _locate(features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the first corners over D + 1 ``(D, P)``, and changes and weights of ``Simplices``."""
    dims = features.shape[1]
    lifted = _lift(features)
    if not lifted.isfinite().all():
        raise ValueError('features must be finite, but some are NaN or infinite.')
    # the nearest point of the lattice whose coordinates are multiples of D + 1
    near = (lifted * (1 / (dims + 1))).round_()
    rest = lifted - near * (dims + 1)
    rank = torch.zeros_like(rest, dtype=torch.int8)
    for low, high in combinations(range(dims + 1), 2):
        smaller = rest[low] < rest[high]
        rank[low] += smaller
        rank[high] += ~smaller
    # it may lie off the plane of the lattice, whose coordinates add up to 0
    rank += near.sum(0).to(torch.int8)
    moved = (rank < 0).to(torch.int8) - (rank > dims).to(torch.int8)
    rank += moved * (dims + 1)
    near += moved
    rest = (lifted - near * (dims + 1)) * (1 / (dims + 1))
    ranks = rank.long()
    falling = torch.empty_like(rest).scatter_(0, ranks, rest).flip(0)
    weights = falling.clone()
    weights[1:] -= falling[:-1]
    weights[0] += 1 - falling[-1]
    coordinates = torch.arange(dims + 1, dtype=torch.int8, device=ranks.device)
    order = torch.empty_like(rank).scatter_(0, ranks, coordinates[:, None].expand_as(rank))
    return near[:dims].int(), order.flip(0)[:dims], weights.t()


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


def _number(simplices: Simplices) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Number the lattice points from 0.

    A lattice point that is corner k of one simplex is corner k of all its simplices, so each kind
    of corner is numbered separately.

    Returns:
        Number of each corner int32 ``(P, D + 1)``, the matrix ``(M, P)`` that spreads values, and
        the keys of each kind of corner in rising order.
    """
    count, kinds = simplices.weights.shape
    numbers = torch.empty_like(simplices.weights, dtype=torch.int32)
    points, weights = numbers.new_empty(kinds, count), simplices.weights.new_empty(kinds, count)
    cells, rows, done = [], [], 0
    for corner, keys in enumerate(simplices.keys()):
        found, order, firsts = _sort(keys, numbers[:, corner])
        numbers[:, corner] += done - 1
        points[corner] = order
        torch.index_select(simplices.weights[:, corner], 0, order, out=weights[corner])
        cells.append(found)
        rows.append(firsts + corner * count)
        done += len(found)
    rows.append(numbers.new_full((1,), kinds * count))
    return numbers, _csr(torch.cat(rows), points.flatten(), weights.flatten(), count), cells


def _sort(keys: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Number different keys from 1 in rising order.

    Args:
        keys: Int64 ``(P,)``.
        numbers: Becomes the number of each key, int32 ``(P,)``.

    Returns:
        The different keys, the order of the points, and where in it each key comes first, int32.
    """
    keys, order = keys.sort()
    new = torch.ones_like(keys, dtype=torch.bool)
    torch.ne(keys[1:], keys[:-1], out=new[1:])
    numbers[order] = new.cumsum(0, dtype=torch.int32)
    firsts = new.nonzero()[:, 0]
    return keys[firsts], order, firsts.int()


def _find_neighbours(cells: list[Tensor], step: int, rows: Tensor, columns: Tensor) -> int:
    """Find the neighbours of each lattice point along a direction, none to two of them.

    Args:
        cells: Keys of each kind of corner in rising order.
        step: What a key grows by along the direction.
        rows: Zeros, which become the first entry of each lattice point, int32 ``(M + 1,)``.
        columns: Its first entries become the numbers of the neighbours, int32.

    Returns:
        Number of entries.
    """
    sizes = [len(keys) for keys in cells]
    starts = [sum(sizes[:corner]) for corner in range(len(sizes) + 1)]
    pairs = []
    # a step leads from corner k to corner k + 1
    for corner, keys in enumerate(cells):
        after = (corner + 1) % len(cells)
        here, there = _common(keys, cells[after], step)
        here += starts[corner]
        there += starts[after]
        pairs.append((here, there))
        for side in (here, there):
            rows[side + 1] += 1
    rows.cumsum_(0)
    for here, there in pairs:
        # the first entry is the neighbour before, the last one that behind
        columns[rows[there]] = here
        columns[rows[here + 1] - 1] = there
    return int(rows[-1])


def _common(keys: Tensor, others: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """Return where keys lie that are others after a step, and where those lie, int32."""
    wanted = keys + step
    place = torch.searchsorted(others, wanted, out_int32=True).clamp_(max=len(others) - 1)
    found = (others.index_select(0, place) == wanted).nonzero()[:, 0]
    return found.int(), place.index_select(0, found)


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
