"""The matching losses of CLIMS between a region of an image and texts.

Shapes: P pairs of image and class, D embedding, N background texts.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from qaclims_mm.functional.contrastive import REDUCTIONS, reduce_pairs

# A cosine is kept this far from 0 and 1; beyond it a loss is flat.
_MARGIN = 1e-4


def _check(region: Tensor, text: Tensor, reduction: str) -> None:
    if region.ndim != 2 or text.shape != region.shape:
        raise ValueError(
            f'region and text must both be (P, D), but got {tuple(region.shape)} and '
            f'{tuple(text.shape)}; texts of another CLIP have another D.'
        )
    if reduction not in REDUCTIONS:
        raise ValueError(f'reduction must be one of {REDUCTIONS}, but got {reduction!r}.')


def _cosine(region: Tensor, text: Tensor) -> Tensor:
    """Return the cosines (..., ) of regions and texts (..., D), at least in float32."""
    dtype = torch.float64 if region.dtype == torch.float64 else torch.float32
    # no matrix product: under autocast it is one of half precision
    return (F.normalize(region.to(dtype), dim=-1) * text.to(dtype)).sum(-1)


def _reduce_all(loss: Tensor, reduction: str) -> Tensor:
    return reduce_pairs(loss, torch.ones_like(loss, dtype=torch.bool), reduction)


def object_text_matching(region: Tensor, text: Tensor, reduction: str = 'mean') -> Tensor:
    """Object region and text label matching: -log of their cosine.

    Args:
        region: Features of the foreground region images, any norm, ``(P, D)``; normalised inside.
        text: Text of each pair's class, L2-normalised, ``(P, D)``.
        reduction: ``none`` gives ``(P,)``, ``sum`` and ``mean`` a scalar; 0 if there is no pair.

    Returns:
        Loss, float32 (float64 for float64 input). A cosine below 1e-4 counts as 1e-4 and has no
        gradient.

    Raises:
        ValueError: If shapes disagree or ``reduction`` is unknown.

    Source:
        ``SimMaxLoss`` in clip_loss.py of CVI-SZU/CLIMS.

    Example:
        >>> import torch
        >>> object_text_matching(torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 0.0]]))
        tensor(0.5108)
    """
    _check(region, text, reduction)
    cosine = _cosine(region, text).clamp(_MARGIN, 1 - _MARGIN)
    return _reduce_all(-cosine.log(), reduction)


def background_text_matching(region: Tensor, text: Tensor, reduction: str = 'mean') -> Tensor:
    """Background region and text label matching: -log(1 - cosine), so that no object is left out.

    Args:
        region: Features of the background region images, any norm, ``(P, D)``; normalised inside.
        text: Text of each pair's class, L2-normalised, ``(P, D)``.
        reduction: As in ``object_text_matching``.

    Returns:
        Loss, float32 (float64 for float64 input). A cosine below 1e-4 counts as 1e-4 and has no
        gradient.

    Raises:
        ValueError: If shapes disagree or ``reduction`` is unknown.

    Source:
        ``SimMinLoss`` in clip_loss.py of CVI-SZU/CLIMS.

    Example:
        >>> import torch
        >>> background_text_matching(torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 0.0]]))
        tensor(0.9163)
    """
    _check(region, text, reduction)
    cosine = _cosine(region, text).clamp(_MARGIN, 1 - _MARGIN)
    return _reduce_all(-torch.log1p(-cosine), reduction)


def background_suppression(
    region: Tensor,
    bg_text: Tensor,
    bg_valid: Tensor | None = None,
    threshold: float = 0.26,
    reduction: str = 'sum',
) -> Tensor:
    """Co-occurring background suppression: the object's region shall match no background text.

    Args:
        region: Features of the foreground region images, any norm, ``(P, D)``; normalised inside.
        bg_text: Background texts of each pair, L2-normalised, ``(P, N, D)``.
        bg_valid: Which of them exist, bool ``(P, N)``; ``None`` means all.
        threshold: A text counts where its cosine with the region is above this; what that means
            differs from CLIP to CLIP.
        reduction: ``none`` gives ``(P,)``, the sum over the texts that count; ``sum`` and ``mean``
            a scalar. A pair with no valid background text contributes 0 and is not counted by
            ``mean``.

    Returns:
        Loss, float32 (float64 for float64 input): -log(1 - cosine), summed. A cosine above
        1 - 1e-4 counts as that and has no gradient (the released code has infinity at 1).

    Raises:
        ValueError: If shapes disagree or ``reduction`` is unknown.

    Source:
        ``BackgroundSuppressionLoss`` in clip_loss.py of CVI-SZU/CLIMS, which takes the sum over
        all pairs of the batch.

    Example:
        >>> import torch
        >>> background_suppression(torch.tensor([[3.0, 4.0]]), torch.eye(2)[None], threshold=0.7)
        tensor(1.6094)
    """
    _check(region, region, reduction)
    pairs, width = region.shape
    if bg_text.ndim != 3 or (bg_text.shape[0], bg_text.shape[2]) != (pairs, width):
        raise ValueError(f'bg_text must be ({pairs}, N, {width}), but got {tuple(bg_text.shape)}.')
    if bg_valid is not None and bg_valid.shape != bg_text.shape[:2]:
        raise ValueError(
            f'bg_valid must be {tuple(bg_text.shape[:2])}, but got {tuple(bg_valid.shape)}.'
        )
    cosine = _cosine(region[:, None], bg_text)
    valid = torch.ones_like(cosine, dtype=torch.bool) if bg_valid is None else bg_valid.bool()
    terms = -torch.log1p(-cosine.clamp(max=1 - _MARGIN))
    counts = valid & (cosine > threshold)
    loss = torch.where(counts, terms, terms.new_zeros(())).sum(-1)
    return reduce_pairs(loss, valid.any(-1), reduction)
