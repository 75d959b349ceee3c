"""What a decoder on a frozen ViT learns of pairs of cells, and the attention that agrees with it.

Shapes: B images, h w cells, C = h w of them, L blocks.
"""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor


class CellPairs(NamedTuple):
    """Pairs of cells of one class and of two, bool ``(B, C, C)`` each."""

    same: Tensor
    parted: Tensor


@lru_cache(maxsize=8)
def _are_near(height: int, width: int, radius: int) -> Tensor:
    rows, columns = torch.arange(height), torch.arange(width)
    cells = torch.cartesian_prod(rows, columns)
    return (cells[:, None] - cells[None]).abs().amax(-1) <= radius


def cell_pairs(labels: Tensor, radius: int, ignore_index: int = 255) -> CellPairs:
    """Compare the labels of cells that are near each other.

    Args:
        labels: 0 background, k + 1 classes, ``(B, h, w)``.
        radius: Largest distance along rows and along columns, in cells.
        ignore_index: A pair with it is neither.

    Source:
        WeCLIP's released code, which has it from AFA (Ru et al., CVPR 2022); radius 8 of 20.
    """
    near = _are_near(*labels.shape[1:], radius).to(labels.device)
    flat = labels.flatten(1)
    known = flat != ignore_index
    counted = near & known[:, :, None] & known[:, None]
    equal = flat[:, :, None] == flat[:, None]
    return CellPairs(counted & equal, counted & ~equal)


def pair_affinity_loss(affinity: Tensor, pairs: CellPairs) -> Tensor:
    """Return half the mean of 1 - affinity over equal pairs plus half its mean over parted ones.

    Args:
        affinity: In [0, 1], ``(B, C, C)``.
        pairs: Of the same cells.

    Returns:
        In [0, 1], ``()``. Each mean divides by the number of pairs plus 1, so it is 0 without any.
    """
    # sums of many pairs need more than half precision
    affinity = affinity.to(torch.promote_types(affinity.dtype, torch.float32))
    together = ((1 - affinity) * pairs.same).sum() / (pairs.same.sum() + 1)
    apart = (affinity * pairs.parted).sum() / (pairs.parted.sum() + 1)
    return (together + apart) / 2


def agreeing_attention(attention: Tensor, affinity: Tensor) -> Tensor:
    """Average the attention of the blocks that differ least from an affinity, and multiply by it.

    Args:
        attention: Of each block, ``(B, L, C, C)``.
        affinity: Of a decoder, in [0, 1], ``(B, C, C)``.

    Returns:
        ``(B, C, C)``. A block counts if the sum of affinity minus attention is at most the mean
        over the blocks.

    Source:
        Zhang et al., Frozen CLIP: A Strong Backbone for Weakly Supervised Semantic Segmentation,
        CVPR 2024, section 3.4, as the released code has it: differences keep their sign there.
    """
    differences = (affinity[:, None] - attention).sum((-2, -1))
    chosen = (differences <= differences.mean(1, keepdim=True)).to(attention)
    # of equal differences rounding can lift the mean above none, or below all
    chosen = torch.where(chosen.any(1, keepdim=True), chosen, torch.ones_like(chosen))
    weights = chosen / chosen.sum(1, keepdim=True)
    return torch.einsum('bl,blij->bij', weights, attention) * affinity
