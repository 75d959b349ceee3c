"""The contrastive losses between a region of an image and its texts.

Shapes: P pairs of image and class, D embedding, N background texts.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

REDUCTIONS = ('none', 'sum', 'mean')
BRC_POSITIVES = ('mean_exp', 'exp_mean')


def _check(
    region: Tensor,
    fg_text: Tensor,
    bg_text: Tensor,
    bg_valid: Tensor | None,
    temperature: float,
    reduction: str,
) -> None:
    pairs, width = region.shape if region.ndim == 2 else (-1, -1)
    if region.ndim != 2 or fg_text.shape != region.shape:
        raise ValueError(
            f'region and fg_text must both be (P, D), but got {tuple(region.shape)} and '
            f'{tuple(fg_text.shape)}; a text bank of another CLIP has another D.'
        )
    if bg_text.ndim != 3 or (bg_text.shape[0], bg_text.shape[2]) != (pairs, width):
        raise ValueError(f'bg_text must be ({pairs}, N, {width}), but got {tuple(bg_text.shape)}.')
    if bg_valid is not None and bg_valid.shape != bg_text.shape[:2]:
        raise ValueError(
            f'bg_valid must be {tuple(bg_text.shape[:2])}, but got {tuple(bg_valid.shape)}.'
        )
    if not temperature > 0:
        raise ValueError(f'temperature must be positive, but got {temperature}; the paper has 0.7.')
    if reduction not in REDUCTIONS:
        raise ValueError(f'reduction must be one of {REDUCTIONS}, but got {reduction!r}.')


def _similarities(
    region: Tensor,
    fg_text: Tensor,
    bg_text: Tensor,
    bg_valid: Tensor | None,
    temperature: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return similarity/t with foreground (P,) and background (P, N), validity (P, N), (P,)."""
    dtype = torch.float64 if region.dtype == torch.float64 else torch.float32
    unit = F.normalize(region.to(dtype), dim=-1)
    fg = (unit * fg_text.to(dtype)).sum(-1) / temperature
    # autocast would make half precision of the product
    with torch.autocast(region.device.type, enabled=False):
        bg = torch.einsum('pd,pnd->pn', unit, bg_text.to(dtype)) / temperature
    valid = torch.ones_like(bg, dtype=torch.bool) if bg_valid is None else bg_valid.bool()
    return fg, bg, valid, valid.any(-1)


def _logsumexp_valid(logits: Tensor, valid: Tensor, counted: Tensor) -> Tensor:
    """Log of the sum of exponentials over valid entries; rows without one give 0, no gradient."""
    usable = valid | ~counted[:, None]
    return torch.where(
        counted, logits.masked_fill(~usable, -math.inf).logsumexp(-1), logits.new_zeros(())
    )


def reduce_pairs(loss: Tensor, counted: Tensor, reduction: str) -> Tensor:
    """Reduce the losses of pairs.

    Args:
        loss: ``(P,)``.
        counted: Which pairs count, bool ``(P,)``; the others contribute 0.
        reduction: ``none``, ``sum`` or ``mean`` over those that count; 0 if there is none.

    Returns:
        ``(P,)`` for ``none``, else a scalar.
    """
    loss = torch.where(counted, loss, loss.new_zeros(()))
    if reduction == 'none':
        return loss
    total = loss.sum()
    return total if reduction == 'sum' else total / counted.sum().clamp(min=1)


def frc_loss(
    region: Tensor,
    fg_text: Tensor,
    bg_text: Tensor,
    bg_valid: Tensor | None = None,
    temperature: float = 0.7,
    reduction: str = 'mean',
) -> Tensor:
    """Foreground region contrastive loss: the region shall match its text, not the backgrounds'.

    Args:
        region: Features of the foreground region images, any norm, ``(P, D)``; normalised inside.
        fg_text: Foreground text, ``(P, D)``, used as it is (a norm below 1 counts).
        bg_text: Background texts, ``(P, N, D)``, used as they are.
        bg_valid: Which background texts exist, bool ``(P, N)``; ``None`` means all.
        temperature: Divides every similarity, unitless.
        reduction: ``none`` gives ``(P,)``, ``sum`` and ``mean`` a scalar. A pair with no valid
            background text contributes 0 and is not counted by ``mean``.

    Returns:
        Loss in nats, float32 (float64 for float64 input).

    Raises:
        ValueError: If shapes disagree, or ``temperature`` or ``reduction`` is invalid.

    Source:
        Eq. 6 of the paper.

    Example:
        >>> import torch
        >>> x = torch.eye(2)
        >>> frc_loss(x, x, x.flip(0)[:, None], temperature=1.0)
        tensor(0.3133)
    """
    _check(region, fg_text, bg_text, bg_valid, temperature, reduction)
    fg, bg, valid, counted = _similarities(region, fg_text, bg_text, bg_valid, temperature)
    return reduce_pairs(F.softplus(_logsumexp_valid(bg, valid, counted) - fg), counted, reduction)


def brc_loss(
    region: Tensor,
    fg_text: Tensor,
    bg_text: Tensor,
    bg_valid: Tensor | None = None,
    temperature: float = 0.7,
    positive: str = 'mean_exp',
    reduction: str = 'mean',
) -> Tensor:
    """Background region contrastive loss: the rest shall match the background texts, not the class.

    Args:
        region: Features of the background region images, any norm, ``(P, D)``; normalised inside.
        fg_text: Foreground text, ``(P, D)``, used as it is.
        bg_text: Background texts, ``(P, N, D)``, used as they are.
        bg_valid: Which background texts exist, bool ``(P, N)``; ``None`` means all.
        temperature: Divides every similarity, unitless.
        positive: ``mean_exp``, the mean over texts of exp(similarity / t) (released code), or
            ``exp_mean``, exp of the mean similarity / t (eq. 8).
        reduction: As in ``frc_loss``.

    Returns:
        Loss in nats, float32 (float64 for float64 input).

    Raises:
        ValueError: If shapes disagree, or an option is invalid.

    Source:
        Eq. 8 of the paper (the missing temperature of its second term taken as a misprint);
        clip_loss.py of the released code for ``mean_exp``.

    Example:
        >>> import torch
        >>> x = torch.eye(2)
        >>> brc_loss(x, x.flip(0), x[:, None], temperature=1.0)
        tensor(0.3133)
    """
    _check(region, fg_text, bg_text, bg_valid, temperature, reduction)
    if positive not in BRC_POSITIVES:
        raise ValueError(f'positive must be one of {BRC_POSITIVES}, but got {positive!r}.')
    fg, bg, valid, counted = _similarities(region, fg_text, bg_text, bg_valid, temperature)
    number = valid.sum(-1).clamp(min=1)
    if positive == 'mean_exp':
        match = _logsumexp_valid(bg, valid, counted) - number.to(bg.dtype).log()
    else:
        match = bg.masked_fill(~valid, 0).sum(-1) / number
    return reduce_pairs(F.softplus(fg - match), counted, reduction)


def area_regularization(cams: Tensor) -> Tensor:
    """Mean activation over images, classes and cells, so that regions stay small.

    Args:
        cams: Sigmoid CAMs of all K classes, absent ones included, ``(B, K, P, Q)``.

    Returns:
        Scalar in ``[0, 1]``.

    Source:
        Eq. 11 of the paper.
    """
    return cams.mean()
