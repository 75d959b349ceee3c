"""The affinity of WeCLIP: its loss over pairs of cells, and the attention that agrees with it.

Shapes: B images, h w cells, C = h w of them, L blocks.
"""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor


class CellPairs(NamedTuple):
    """Pairs of cells with the same class and with different classes, bool ``(B, C, C)`` each."""

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
        labels: Labels ``(B, h, w)``: 0 background, k + 1 classes.
        radius: Largest distance along rows and along columns, in cells.
        ignore_index: Label of cells whose pairs do not count.

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
    """Return the loss of an affinity that should be 1 for equal pairs and 0 for different pairs.

    Args:
        affinity: Affinity in [0, 1], ``(B, C, C)``.
        pairs: Pairs of the same cells.

    Returns:
        Scalar in [0, 1]: half the mean of 1 - affinity over equal pairs plus half the mean of the
        affinity over different pairs. Each mean divides by the number of pairs plus 1, so it is 0
        without pairs.
    """
    # sums of many pairs need more than half precision
    affinity = affinity.to(torch.promote_types(affinity.dtype, torch.float32))
    together = ((1 - affinity) * pairs.same).sum() / (pairs.same.sum() + 1)
    apart = (affinity * pairs.parted).sum() / (pairs.parted.sum() + 1)
    return (together + apart) / 2


def agreeing_attention(attention: Tensor, affinity: Tensor) -> Tensor:
    """Average the attention of the blocks that agree with an affinity, and multiply it by this.

    Args:
        attention: Attention of each block, ``(B, L, C, C)``.
        affinity: Affinity of a decoder in [0, 1], ``(B, C, C)``.

    Returns:
        Attention ``(B, C, C)``. A block agrees if its sum of affinity minus attention is at most
        the mean of these sums over the blocks.

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
