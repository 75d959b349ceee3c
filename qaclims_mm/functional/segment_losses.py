"""Losses of segmentors that predict a set of masks, each with its own class.

Pixels with an unknown label count neither in the matching nor in the mask losses.

Shapes: Q queries, T segments (the classes of an image), N classes with the background, h w cells of
the predicted masks, H W pixels.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

_EPS = 1e-6


class Segments(NamedTuple):
    """The segments of an image: one per class.

    Attributes:
        classes: Classes of the segments, int64 ``(T,)``; 0 is the background.
        shares: Share of each class among the known pixels of a cell, ``(T, h, w)`` in [0, 1].
        known: Share of the pixels of a cell whose label is known, ``(h, w)`` in [0, 1].
    """

    classes: Tensor
    shares: Tensor
    known: Tensor


class CostWeights(NamedTuple):
    """Factors of the three terms, both in the matching and in the loss."""

    classes: float = 2.0
    masks: float = 5.0
    dice: float = 5.0


def segments_of(label: Tensor, size: tuple[int, int], ignore_index: int = 255) -> Segments:
    """Divide a mask into one segment per class, at the size of the predicted masks.

    Args:
        label: Values of a mask, int64 ``(H, W)``.
        size: Height and width in cells.
        ignore_index: Value of pixels whose label is unknown.
    """
    classes = label.unique()
    classes = classes[classes != ignore_index]
    layers = torch.cat([(label != ignore_index)[None], label[None] == classes[:, None, None]])
    known, *_ = shares = F.adaptive_avg_pool2d(layers.float(), size)
    return Segments(classes, shares[1:] / known.clamp(min=_EPS), known)


def balanced_weights(is_background: Tensor, amounts: Tensor) -> Tensor:
    """Return factors that give background and foreground the same weight.

    Args:
        is_background: Share of background in each item, in [0, 1].
        amounts: Original weight of each item, of the same shape.

    Returns:
        Factors of the items, which keep the sum of ``amounts``; all 1 if background or foreground
        is absent.
    """
    total = amounts.sum()
    background = (amounts * is_background).sum()
    foreground = total - background
    if min(background, foreground) <= _EPS * total:
        return torch.ones_like(amounts)
    return total / 2 * (is_background / background + (1 - is_background) / foreground)


def pixel_weights(segments: Segments, balanced: bool) -> Tensor:
    """Return the weights ``(h, w)`` of cells in a mask loss; they sum to 1 (or are all 0).

    Args:
        segments: Segments of an image.
        balanced: Whether background and foreground get half of the weight each.
    """
    weights = segments.known
    if balanced:
        is_background = (segments.classes == 0).float() @ segments.shares.flatten(1)
        weights = weights * balanced_weights(is_background.view_as(weights), weights)
    return weights / weights.sum().clamp(min=_EPS)


def mask_costs(mask_logits: Tensor, shares: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted binary cross entropy of every query with every segment, ``(Q, T)``.

    Args:
        mask_logits: ``(Q, h, w)``.
        shares: See ``Segments``.
        weights: See ``pixel_weights``.
    """
    logits, target, w = mask_logits.flatten(1), shares.flatten(1), weights.flatten()
    as_object = (F.softplus(-logits) * w) @ target.T
    return as_object + (F.softplus(logits) * w) @ (1 - target).T


def dice_costs(mask_logits: Tensor, shares: Tensor, known: Tensor) -> Tensor:
    """Return 1 - Dice of every query with every segment, ``(Q, T)``; see ``mask_costs``."""
    p, target, v = mask_logits.sigmoid().flatten(1), shares.flatten(1), known.flatten()
    both = 2 * (p * v) @ target.T + 1
    return 1 - both / ((p @ v)[:, None] + (target @ v)[None] + 1)


@torch.no_grad()
def match_segments(
    class_logits: Tensor,
    mask_logits: Tensor,
    segments: Segments,
    weights: Tensor,
    factors: CostWeights,
) -> tuple[Tensor, Tensor]:
    """Assign a query to each segment at the lowest cost in total.

    Args:
        class_logits: Class logits ``(Q, N + 1)``; the last class is "no object".
        mask_logits: Mask logits ``(Q, h, w)``.
        segments: Segments of the image. With fewer queries than segments, some segments get none.
        weights: See ``pixel_weights``.
        factors: Factors of the costs.

    Returns:
        Indices of queries and of their segments, int64, of equal length.
    """
    # scipy takes a while to load
    from scipy.optimize import linear_sum_assignment

    costs = (
        -factors.classes * class_logits.softmax(-1)[:, segments.classes]
        + factors.masks * mask_costs(mask_logits, segments.shares, weights)
        + factors.dice * dice_costs(mask_logits, segments.shares, segments.known)
    )
    # a loss that is not finite is reported where it is logged
    pairs = linear_sum_assignment(torch.nan_to_num(costs, 1e6, 1e6, -1e6).cpu().numpy())
    queries, chosen = (torch.from_numpy(x).to(mask_logits.device) for x in pairs)
    return queries, chosen


class SetLoss(NamedTuple):
    """Options of ``set_losses``.

    Attributes:
        factors: Factors of the three terms.
        no_object: Weight of a query without a segment in the class loss; a matched query has the
            weight 1.
        balanced: Whether background and foreground have the same weight: the segments of the batch
            in all three terms, and the pixels of an image in the cross entropy of its masks.
        fixed: Whether each class gets the query with its own number instead of the query that fits
            best. A short training then learns more.
    """

    factors: CostWeights = CostWeights()
    no_object: float = 0.1
    balanced: bool = True
    fixed: bool = False


class _Terms(NamedTuple):
    """Of a batch: what is known of each matched segment, and the class losses of all queries."""

    is_background: list[Tensor]
    masks: list[Tensor]
    dice: list[Tensor]
    classes: list[Tensor]
    rest: list[Tensor]


def set_losses(
    class_logits: Tensor,
    mask_logits: Tensor,
    segments: list[Segments],
    options: SetLoss | None = None,
) -> dict[str, Tensor]:
    """Return the losses of predicted sets of masks.

    Args:
        class_logits: Class logits ``(B, Q, N + 1)``; the last class is "no object".
        mask_logits: Mask logits ``(B, Q, h, w)``.
        segments: Segments of each image. An image without known pixels does not count.
        options: Options of the losses; by default those of Mask2Former, balanced.

    Returns:
        ``loss_cls``, ``loss_mask`` and ``loss_dice`` with their factors; class and mask losses are
        in nats.
    """
    options = options or SetLoss()
    factors, no_object = options.factors, options.no_object
    terms = _Terms([], [], [], [], [])
    for classes, masks, image in zip(
        class_logits.float(), mask_logits.float(), segments, strict=True
    ):
        if len(image.classes):
            _add_terms(terms, classes, masks, image, options)
    # keeps every parameter in the graph, which distributed training asks for
    nothing = 0 * (class_logits.float().sum() + mask_logits.float().sum())
    if not terms.masks:
        return dict.fromkeys(('loss_cls', 'loss_mask', 'loss_dice'), nothing)
    background = torch.cat(terms.is_background)
    weights = torch.ones_like(background)
    if options.balanced:
        weights = balanced_weights(background, weights)
    rest = torch.cat(terms.rest)
    matched = (weights * torch.cat(terms.classes)).sum()
    entropy = (matched + no_object * rest.sum()) / (weights.sum() + no_object * len(rest))
    return dict(
        loss_cls=factors.classes * entropy + nothing,
        loss_mask=factors.masks * (weights * torch.cat(terms.masks)).mean(),
        loss_dice=factors.dice * (weights * torch.cat(terms.dice)).mean(),
    )


def _add_terms(
    terms: _Terms,
    class_logits: Tensor,
    mask_logits: Tensor,
    image: Segments,
    options: SetLoss,
) -> None:
    weights = pixel_weights(image, options.balanced)
    if options.fixed:
        queries = image.classes
        chosen = torch.arange(len(queries), device=queries.device)
    else:
        queries, chosen = match_segments(class_logits, mask_logits, image, weights, options.factors)
    wanted = class_logits.new_full((len(class_logits),), class_logits.shape[1] - 1).long()
    wanted[queries] = image.classes[chosen]
    entropy = F.cross_entropy(class_logits, wanted, reduction='none')
    is_free = torch.ones_like(wanted, dtype=torch.bool)
    is_free[queries] = False
    terms.classes.append(entropy[queries])
    terms.rest.append(entropy[is_free])
    terms.is_background.append((image.classes[chosen] == 0).float())
    masks, shares = mask_logits[queries], image.shares[chosen]
    terms.masks.append(mask_costs(masks, shares, weights).diagonal())
    terms.dice.append(dice_costs(masks, shares, image.known).diagonal())


def semantic_logits(class_logits: Tensor, mask_logits: Tensor) -> Tensor:
    """Return the logits of a semantic mask, ``(B, N, h, w)``.

    The score of a class is the sum over queries of class probability times mask probability. The
    logits are the logarithms of the scores, so their softmax is the scores divided by their sum.

    Args:
        class_logits: Class logits ``(B, Q, N + 1)``; the last class is "no object".
        mask_logits: Mask logits ``(B, Q, h, w)``.
    """
    classes = class_logits.float().softmax(-1)[..., :-1]
    scores = torch.einsum('bqn,bqhw->bnhw', classes, mask_logits.float().sigmoid())
    return scores.clamp(min=_EPS).log()
