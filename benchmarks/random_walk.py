"""The random walk as a polynomial of a stencil, against squaring the dense matrix."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.case import Case
from benchmarks.growth import Point, Work, measure_sizes, shape_of
from qaclims_mm.errors import FormatError
from qaclims_mm.functional.irn_walk import (
    PathIndex,
    chebyshev_coefficients,
    edge_to_affinity,
    random_walk,
)

# VOC's 375 x 500 pixels have 94 x 125 cells; the dense matrix of 63 x 94 takes seconds
_SIZES = {'tiny': (40, 60), 'full': (63, 94)}
_BARS = {'tiny': 4.0, 'full': 150.0}
RADIUS, BETA, EXP_TIMES = 5, 10.0, 8


def dense_walk(cams: Tensor, edge: Tensor) -> Tensor:
    """Walk as the released code does: the whole matrix, squared eight times.

    Args:
        cams: ``(C, h, w)``.
        edge: ``(h, w)``.
    """
    margin = RADIUS - 1
    padded = F.pad(edge, (margin, margin, 0, margin), value=1.0)
    index = PathIndex(RADIUS, (padded.shape[0], padded.shape[1]))
    affinity = edge_to_affinity(padded[None, None], index)[0].pow(BETA)
    matrix = torch.eye(padded.numel(), device=edge.device)
    source = index.src_indices.expand_as(index.dst_indices)
    matrix[source, index.dst_indices] = affinity
    matrix[index.dst_indices, source] = affinity
    inside = torch.zeros_like(padded, dtype=torch.bool)
    inside[: edge.shape[0], margin : margin + edge.shape[1]] = True
    matrix = matrix[inside.flatten()][:, inside.flatten()]
    matrix = matrix / matrix.sum(0)
    for _ in range(EXP_TIMES):
        matrix = matrix @ matrix
    return ((cams * (1 - edge)).flatten(1) @ matrix).view_as(cams)


def make_maps(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return maps of 2 classes ``(2, h, w)`` and an edge map ``(h, w)``, both random."""
    random = torch.Generator().manual_seed(0)
    cams = torch.rand(2, height, width, generator=random).to(device)
    return cams, torch.rand(height, width, generator=random).pow(4).to(device)


def flops_of(cams: Tensor) -> int:
    """Return the FLOPs of the polynomial: a product and a sum a path, cell and term."""
    terms = len(chebyshev_coefficients(2**EXP_TIMES, 1e-7))
    paths = 2 * len(PathIndex(RADIUS, (cams.shape[1], cams.shape[2])).paths) + 1
    return 2 * terms * paths * cams.numel()


def growth(sizes: Sequence[int]) -> list[Point]:
    """Return the points of a walk over maps of so many cells."""

    def make(cells: int) -> Work:
        cams, edge = make_maps(*shape_of(cells), torch.device('cpu'))
        call = partial(random_walk, cams, edge, RADIUS, BETA, EXP_TIMES)
        return Work(call, flops_of(cams))

    return measure_sizes(make, sizes)


def build(size: str, device: torch.device) -> Case:
    """Return a walk of 256 steps over maps of 2 classes with random edges."""
    height, width = _SIZES[size]
    cams, edge = make_maps(height, width, device)

    def dense() -> Tensor:
        # denormal numbers, which most of the matrix becomes, make it 20 times as slow
        torch.set_flush_denormal(True)
        try:
            return dense_walk(cams, edge)
        finally:
            torch.set_flush_denormal(False)

    def check(results: Sequence[Any]) -> None:
        ours, steps, wanted = results
        for name, walked in (('polynomial', ours), ('steps', steps)):
            off = float((walked - wanted).abs().max() / wanted.max())
            if off > 1e-3:
                raise FormatError(f'{name} is {off:.1e} of the peak off the dense matrix.')

    return Case(
        {
            'polynomial': lambda: random_walk(cams, edge, RADIUS, BETA, EXP_TIMES),
            'step by step': lambda: random_walk(cams, edge, RADIUS, BETA, EXP_TIMES, 'steps'),
            'dense matrix, eight squarings': dense,
        },
        f'256 steps over 2 maps of {height} x {width} cells',
        1,
        unit='walks',
        bar=_BARS[size],
        flops=flops_of(cams),
        check=check,
    )
