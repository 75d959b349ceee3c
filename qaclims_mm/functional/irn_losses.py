"""What IRN learns from confident labels: which cells belong together, and where objects lie.

Shapes: B images, h w cells, D paths, n cells from which they lead (see ``functional.irn_walk``).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from qaclims_mm.functional.irn_walk import PathIndex, edge_to_affinity

_EPS = 1e-5


class AffinityLabels(NamedTuple):
    """Pairs of one background, of one foreground class, and of two; bool ``(B, D, n)`` each."""

    bg_pos: Tensor
    fg_pos: Tensor
    neg: Tensor


def affinity_labels(
    labels: Tensor, path_index: PathIndex, ignore_index: int = 255
) -> AffinityLabels:
    """Compare the labels at both ends of every path.

    Args:
        labels: 0 background, k + 1 classes, ``(B, h, w)``; any number of classes.
        path_index: Of maps of that size.
        ignore_index: A pair with it is none of the three.

    Source:
        GetAffinityLabelFromIndices of the released code (IRN's).
    """
    flat = labels.flatten(1)
    source = flat[:, None, path_index.src_indices]
    target = flat[:, path_index.dst_indices]
    valid = (source != ignore_index) & (target != ignore_index)
    same = valid & (source == target)
    return AffinityLabels(same & (source == 0), same & (source != 0), valid & (source != target))


def masked_mean(values: Tensor, mask: Tensor, count: Tensor | None = None) -> Tensor:
    """Return the mean of the values where the mask is true; 0 where it is nowhere.

    Args:
        values: Any shape.
        mask: Of the same shape.
        count: Replaces the number of values that the mask keeps.
    """
    return (values * mask).sum() / ((mask.sum() if count is None else count) + _EPS)


def irn_losses(
    edge_logits: Tensor,
    displacement: Tensor,
    labels: AffinityLabels,
    path_index: PathIndex,
    average: Callable[[Tensor], Tensor] = lambda counts: counts,
) -> dict[str, Tensor]:
    """Return the four losses of IRN, weighted so that their sum is its total.

    Args:
        edge_logits: ``(B, 1, h, w)``.
        displacement: (dy, dx) to an object's centre in cells, ``(B, 2, h, w)``.
        labels: Of the same maps.
        path_index: Of maps of that size.
        average: Takes the numbers of pairs (3,) and returns their means over the ranks that share a
            batch; the mean of the ranks' losses is then the loss of the whole batch, as in the
            released code, whatever the share of each.

    Source:
        train_irn.py and AffinityDisplacementLoss of the released code (facts item 26a).
    """
    bg_pairs, fg_pairs, parted_pairs = average(torch.stack([m.sum() for m in labels]).float())
    affinity = edge_to_affinity(edge_logits.float().sigmoid(), path_index)
    joined = -(affinity + _EPS).log()
    parted = -(1 + _EPS - affinity).log()
    flat = displacement.float().flatten(2)
    pair = flat[:, :, None, path_index.src_indices] - flat[:, :, path_index.dst_indices]
    ends = path_index.search_dst.to(flat).T[None, :, :, None]
    fg, bg = (mask[:, None].expand_as(pair) for mask in (labels.fg_pos, labels.bg_pos))
    positive = masked_mean(joined, labels.bg_pos, bg_pairs)
    positive = (positive + masked_mean(joined, labels.fg_pos, fg_pairs)) / 2
    return dict(
        loss_positive=positive / 2,
        loss_negative=masked_mean(parted, labels.neg, parted_pairs) / 2,
        loss_displacement_fg=masked_mean((pair - ends).abs(), fg, 2 * fg_pairs) / 2,
        loss_displacement_bg=masked_mean(pair.abs(), bg, 2 * bg_pairs) / 2,
    )
