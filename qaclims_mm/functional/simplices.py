"""The position of points in the permutohedral lattice: corners of simplices and their weights.

Shapes: P points of D features.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

_LARGEST_KEY = 2**62
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
