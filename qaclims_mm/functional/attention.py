"""Activation maps refined by the attention between the patches of a ViT.

Shapes: B images, n maps, h w cells, C = h w of them.
"""

import torch
from torch import Tensor

from qaclims_mm.functional.sam_prompts import find_regions


def doubly_stochastic(matrix: Tensor, rounds: int = 3) -> Tensor:
    """Divide columns and rows by their sums in turn, so that both come near 1 (Sinkhorn).

    Args:
        matrix: Non-negative matrix without an empty row or column, ``(..., C, C)``.
        rounds: Number of rounds. Each round ends with the rows, so their sums are 1 afterwards.

    Returns:
        Matrix of the same shape.
    """
    tiny = torch.finfo(matrix.dtype).tiny
    for _ in range(rounds):
        matrix = matrix / matrix.sum(-2, keepdim=True).clamp(min=tiny)
        matrix = matrix / matrix.sum(-1, keepdim=True).clamp(min=tiny)
    return matrix


def attention_affinity(attention: Tensor, rounds: int = 3, steps: int = 2) -> Tensor:
    """Turn attention into a symmetric affinity, raised to the power of the steps of a walk.

    Args:
        attention: Attention from each cell (row) to each cell (column), non-negative,
            ``(..., C, C)``.
        rounds: As in ``doubly_stochastic``.
        steps: Number of steps of the walk, the exponent t of the affinity.

    Returns:
        Affinity ``(..., C, C)``, at least float32.

    Source:
        Lin et al., CLIP is Also an Efficient Segmenter, CVPR 2023, section 3.4; three rounds and
        t = 2 in the released code.
    """
    wide = torch.promote_types(attention.dtype, torch.float32)
    balanced = doubly_stochastic(attention.to(wide), rounds)
    return torch.linalg.matrix_power((balanced + balanced.mT) / 2, steps)


def box_masks(maps: Tensor, threshold: float = 0.4) -> Tensor:
    """Mark the bounding boxes of the regions of each map that reach a threshold.

    Args:
        maps: Maps in [0, 1], ``(n, h, w)``.
        threshold: Share of a map's own peak that a region must reach, in (0, 1].

    Returns:
        Masks of 0 and 1 in the dtype of the maps, ``(n, h, w)``; all 0 for a map of zeros.

    Source:
        The box constraint of CLIP-ES. Its released code leaves out the last column and row of a
        box at the right or lower border of the image; here they belong to the box.
    """
    marked = torch.zeros_like(maps)
    cells = max(1, maps[0].numel()) if len(maps) else 1
    regions = find_regions(maps, threshold, min_area=0, max_regions=cells)
    for index, box in zip(regions.maps.tolist(), regions.boxes.long().tolist(), strict=True):
        left, top, right, bottom = box
        marked[index, top : bottom + 1, left : right + 1] = 1
    return marked


def refine_by_affinity(maps: Tensor, affinity: Tensor, boxes: Tensor) -> Tensor:
    """Replace each cell of a map by the sum of the cells in its boxes, weighted by their affinity.

    Args:
        maps: Non-negative maps, ``(..., n, h, w)``.
        affinity: Affinity from each cell (row) to each cell (column), ``(..., C, C)``.
        boxes: 1 for the cells that count, otherwise 0; shape of ``maps``.

    Returns:
        Maps of the same shape, each stretched to [0, 1]; a constant map becomes 0.
    """
    kept = (maps * boxes).flatten(-2)
    walked = (kept @ affinity.to(maps).mT).view_as(maps)
    lowest, highest = walked.amin((-2, -1), keepdim=True), walked.amax((-2, -1), keepdim=True)
    spread = highest - lowest
    stretched = (walked - lowest) / spread.clamp(min=torch.finfo(maps.dtype).tiny)
    return torch.where(spread > 0, stretched, torch.zeros_like(stretched))
