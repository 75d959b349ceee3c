"""The permutohedral lattice as sparse matrices: Gaussian filters over many features on any device.

Shapes: P points of D features, M lattice points, C columns of values.
"""

import warnings
from itertools import pairwise

import torch
from torch import Tensor

from qaclims_mm.functional.simplices import Simplices, locate

_MOST_ENTRIES = 2**31 - 1


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
