"""Affinities between pixels along paths, and the random walk that spreads maps over them.

Shapes: B images, C maps, h w cells of the map; a path leads from a cell to one of D others at a
distance below the radius, in the lower half-plane, so that every pair of cells stands once.
"""

from copy import copy
from functools import cached_property, lru_cache
from math import ceil, comb
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

METHODS = ('chebyshev', 'steps')
# torch's threads join in beyond this many numbers, and cost more here than they do
SERIAL = 32768


@lru_cache
def _paths(radius: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Return the D paths, each its cells (dy, dx) from the far end back to (0, 0).

    A path holds all cells that are less than one cell off the line to its end; paths are ordered by
    their number of cells, then by row.
    """
    ends = [(0, x) for x in range(1, radius)]
    ends += [
        (y, x)
        for y in range(1, radius)
        for x in range(1 - radius, radius)
        if x * x + y * y < radius * radius
    ]
    paths = []
    for y, x in ends:
        box = [(a, b) for a in range(y + 1) for b in range(min(0, x), max(0, x) + 1)]
        near = [(a, b) for a, b in box if (y * b - x * a) ** 2 < y * y + x * x]
        paths.append(tuple(sorted(near, key=lambda cell: -cell[0] - abs(cell[1]))))
    return tuple(sorted(paths, key=len))


class PathIndex:
    """The search paths of a map.

    Args:
        radius: Distances below it are searched; in cells.
        size: h and w of the map.

    Attributes:
        paths: For each of the D paths its cells (dy, dx), the destination first.
        search_dst: Where the paths end, (dy, dx), int64 ``(D, 2)``.
        src_indices: Flat indices of the n cells from which no path leaves the map, ``(n,)``.
        dst_indices: Flat indices of the ends, ``(D, n)``.

    Raises:
        ValueError: If the map is too small for one path.

    Source:
        misc/indexing.py of the released code (IRN's).
    """

    def __init__(self, radius: float, size: tuple[int, int]) -> None:
        height, width = size
        self.margin = ceil(radius) - 1
        self.size = (height - self.margin, width - 2 * self.margin)
        if min(self.size) < 1:
            raise ValueError(
                f'a map of {height} x {width} cells is too small for paths of radius {radius}; it '
                f'must have more rows than {self.margin} and more columns than {2 * self.margin}.'
            )
        self.paths = _paths(ceil(radius))
        self.search_dst = torch.tensor([path[0] for path in self.paths])

    @cached_property
    def src_indices(self) -> Tensor:
        """Made when it is needed: the random walk does without."""
        width = self.size[1] + 2 * self.margin
        rows, columns = (torch.arange(n) for n in self.size)
        return (rows[:, None] * width + self.margin + columns).flatten()

    @cached_property
    def dst_indices(self) -> Tensor:
        """Made when it is needed."""
        down, right = self.search_dst.T
        return self.src_indices + (down * (self.size[1] + 2 * self.margin) + right)[:, None]

    def to(self, device: torch.device | str) -> 'PathIndex':
        """Return the same paths with all indices on a device."""
        moved = copy(self)
        moved.search_dst = self.search_dst.to(device)
        moved.src_indices = self.src_indices.to(device)
        moved.dst_indices = self.dst_indices.to(device)
        return moved

    def shifted(self, maps: Tensor, cell: tuple[int, int]) -> Tensor:
        """Return ``maps`` ``(..., h, w)`` at a cell (dy, dx) from each source, a view."""
        (rows, columns), (dy, dx) = self.size, cell
        left = self.margin + dx
        return maps[..., dy : dy + rows, left : left + columns]


def edge_to_affinity(edge: Tensor, path_index: PathIndex) -> Tensor:
    """Return how surely no edge lies between cells: 1 - the highest edge on the path.

    Args:
        edge: In [0, 1], ``(B, h, w)`` or ``(B, 1, h, w)``.
        path_index: Of maps of that size.

    Returns:
        ``(B, D, n)``.

    Source:
        AffinityDisplacementLoss.to_affinity of the released code (IRN's).
    """
    edge = edge.flatten(0, -3)
    highest = [
        torch.stack([path_index.shifted(edge, cell) for cell in path]).amax(0)
        for path in path_index.paths
    ]
    return 1 - torch.stack(highest, 1).flatten(2)


class Stencil(NamedTuple):
    """A transition matrix: row-normalised weights ``(2 D + 1, B, 1, h, w)`` of its offsets."""

    offsets: list[tuple[int, int]]
    weights: Tensor
    margin: int

    def apply(self, maps: Tensor) -> Tensor:
        """Return the matrix times maps ``(B, C, h, w)``: the mean of each cell's neighbours."""
        height, width = maps.shape[-2:]
        padded = F.pad(maps, (self.margin,) * 4)
        out = torch.zeros_like(maps)
        for image, one in self._parts(maps):
            for (dy, dx), weight in zip(self.offsets, self.weights, strict=True):
                top, left = self.margin + dy, self.margin + dx
                near = padded[image, one, top : top + height, left : left + width]
                out[image, one].addcmul_(weight[image], near)
        return out

    @staticmethod
    def _parts(maps: Tensor) -> list[tuple[slice, slice]]:
        """Return which maps are done at once: on a CPU single ones, if they are large."""
        if maps.device.type != 'cpu' or maps.numel() <= SERIAL:
            return [(slice(None), slice(None))]
        return [
            (slice(b, b + 1), slice(c, c + 1))
            for b in range(maps.shape[0])
            for c in range(maps.shape[1])
        ]


def transition_stencil(edge: Tensor, radius: float, beta: float) -> Stencil:
    """Return the random walk's transition matrix as the weights of each cell's neighbours.

    Two cells are joined by (their affinity) ** beta, a cell with itself by 1; beyond the map's
    border all is edge.

    Args:
        edge: In [0, 1], ``(B, h, w)``.
        radius: As in ``PathIndex``.
        beta: Contrast of the affinities.
    """
    height, width = edge.shape[-2:]
    margin = ceil(radius) - 1
    padded = F.pad(edge, (margin, margin, 0, margin), value=1.0)
    index = PathIndex(radius, (height + margin, width + 2 * margin))
    forth = edge_to_affinity(padded, index).unflatten(2, (height, width))
    # image by image: in a larger tensor a CPU rounds the last digit of a power or sum in another
    # way, and files must not depend on which images were left for a batch
    forth = torch.stack([one.pow(beta) for one in forth])
    # denormal numbers are slow, and nothing that small can be seen
    forth = torch.where(forth < torch.finfo(forth.dtype).tiny / 1e-8, 0, forth)
    ends = [path[0] for path in index.paths]
    back = []
    for (dy, dx), weight in zip(ends, forth.unbind(1), strict=True):
        moved = F.pad(weight, (max(dx, 0), max(-dx, 0), dy, 0))
        back.append(moved[..., :height, max(-dx, 0) : max(-dx, 0) + width])
    weights = torch.stack([torch.ones_like(edge), *forth.unbind(1), *back])
    offsets = [(0, 0), *ends, *((-dy, -dx) for dy, dx in ends)]
    sums = torch.stack([one.sum(0) for one in weights.unbind(1)])
    return Stencil(offsets, (weights / sums)[:, :, None], margin)


@lru_cache
def chebyshev_coefficients(steps: int, tolerance: float) -> tuple[float, ...]:
    """Return c with t ** steps = sum of c[k] T_k(t) up to ``tolerance`` for all t in [-1, 1].

    The coefficients are a binomial distribution, so about 5 sqrt(steps) of them do; the bound is
    the sum of those left out, since abs(T_k) <= 1.
    """
    coefficients = [0.0] * (steps + 1)
    for k in range(steps % 2, steps + 1, 2):
        share = comb(steps, (steps - k) // 2) / 2**steps
        coefficients[k] = share if k == 0 else 2 * share
    rest = 0.0
    while len(coefficients) > 1 and rest + coefficients[-1] <= tolerance:
        rest += coefficients.pop()
    return tuple(coefficients)


def random_walk(
    cams: Tensor,
    edge: Tensor,
    radius: float = 5,
    beta: float = 10.0,
    exp_times: int = 8,
    method: str = 'chebyshev',
) -> Tensor:
    """Spread maps over cells that no edge parts: 2 ** ``exp_times`` steps of a random walk.

    The transition matrix is never made: each step is a weighted sum of a cell's neighbours, 69 at
    radius 5. Its eigenvalues lie in [-1, 1], so the power of the matrix is a Chebyshev polynomial
    of about 5 x 2 ** (``exp_times`` / 2) terms.

    Args:
        cams: Non-negative maps, ``(C, h, w)`` or ``(B, C, h, w)``.
        edge: In [0, 1], ``(h, w)`` or ``(B, h, w)``.
        radius: As in ``PathIndex``.
        beta: Contrast of the affinities.
        exp_times: Logarithm of the number of steps.
        method: ``steps`` takes them one by one; ``chebyshev`` leaves out 1e-7 (float32) or 1e-13
            (float64) of the maps' norm, weighted by each cell's sum of affinities. Rounding in
            float32 moves either by about 1e-4 of the peak.

    Returns:
        As ``cams``; ``cams * (1 - edge)`` times the transition matrix to that power.

    Raises:
        ValueError: If ``method`` is unknown, or the sizes of maps and edges differ.

    Source:
        propagate_to_edge of the released code (IRN's), by squaring the dense matrix.
    """
    if method not in METHODS:
        raise ValueError(f'method must be one of {METHODS}, but got {method!r}.')
    if cams.shape[-2:] != edge.shape[-2:] or cams.dim() != edge.dim() + 1:
        raise ValueError(
            'cams (C, h, w) and edge (h, w) must be of one size, '
            f'but got {tuple(cams.shape)} and {tuple(edge.shape)}.'
        )
    if cams.dim() == 3:
        return random_walk(cams[None], edge[None], radius, beta, exp_times, method)[0]
    stencil = transition_stencil(edge, radius, beta)
    start = cams * (1 - edge[:, None])
    if method == 'steps':
        for _ in range(2**exp_times):
            start = stencil.apply(start)
        return start
    tolerance = 1e-7 if cams.dtype == torch.float32 else 1e-13
    first, *others = chebyshev_coefficients(2**exp_times, tolerance)
    before, now, total = start, stencil.apply(start), first * start
    for coefficient in others:
        total.add_(now, alpha=coefficient)
        before, now = now, 2 * stencil.apply(now) - before
    return total
