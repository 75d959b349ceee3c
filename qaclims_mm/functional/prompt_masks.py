"""Merge the masks of prompts into maps of classes, and fuse them with activation maps.

Shapes: T texts, n classes of an image of H by W pixels.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

MERGES = ('max', 'mean', 'noisy_or')
# pixels that touch at a corner are one region, as in ``sam_prompts``
_NEIGHBOURS = np.ones((3, 3), int)


def merge_prompts(
    masks: Tensor, scores: Tensor, rows: Sequence[Sequence[int]], merge: str = 'max'
) -> tuple[Tensor, Tensor]:
    """Merge the masks of the prompts of each class into one.

    The scores weigh the prompts of a class against each other. The prompt with the highest score
    has the weight 1, because the class is known to be in the image.

    Args:
        masks: Probabilities in [0, 1], ``(T, H, W)``.
        scores: Confidence of the segmenter in each text, in [0, 1], ``(T,)``.
        rows: Indices of the texts of each class, n lists, none empty; a text may belong to several
            classes.
        merge: ``max`` takes the highest weighted mask at each pixel, ``mean`` the weighted mean,
            and ``noisy_or`` the probability that at least one of independent prompts is right.

    Returns:
        Masks ``(n, H, W)`` and scores ``(n,)`` in [0, 1]. The score of a class is merged from the
        scores of its prompts by the same rule, without weights.

    Raises:
        ValueError: If ``merge`` is unknown or a class has no text.

    Example:
        >>> import torch
        >>> masks = torch.tensor([[[0.8]], [[0.5]]])
        >>> merge_prompts(masks, torch.tensor([0.5, 0.25]), [[0, 1]], 'noisy_or')[0]
        tensor([[[0.8500]]])
    """
    if merge not in MERGES:
        raise ValueError(f'merge must be one of {MERGES}, but got {merge!r}.')
    if not all(rows):
        raise ValueError(f'each class must have a text, but got {[list(r) for r in rows]}.')
    merged, total = masks.new_zeros(len(rows), *masks.shape[1:]), scores.new_zeros(len(rows))
    tiny = torch.finfo(scores.dtype).tiny
    for number, texts in enumerate(rows):
        part, sure = masks[list(texts)], scores[list(texts)]
        weights = (sure / sure.amax().clamp(min=tiny))[:, None, None]
        if merge == 'max':
            merged[number], total[number] = (weights * part).amax(0), sure.amax()
        elif merge == 'mean':
            merged[number] = (weights * part).sum(0) / weights.sum(0).clamp(min=tiny)
            total[number] = sure.mean()
        else:
            merged[number], total[number] = 1 - (1 - weights * part).prod(0), 1 - (1 - sure).prod()
    return merged, total


def find_unusable(
    masks: Tensor, scores: Tensor, min_score: float, min_area: float, max_area: float
) -> list[str]:
    """Explain for each class why its mask cannot be right.

    Args:
        masks: Probabilities in [0, 1] of classes that are in the image, ``(n, H, W)``.
        scores: Confidence of the segmenter in each class, in [0, 1], ``(n,)``.
        min_score: Lowest score of a class that counts as found.
        min_area: Lowest share of the image with a probability of at least 0.5.
        max_area: Highest share of the image with a probability of at least 0.5.

    Returns:
        One reason per class, n in total; '' if the mask can be used.
    """
    areas = (masks >= 0.5).flatten(1).float().mean(1).tolist() if masks.numel() else []
    reasons = []
    for area, score in zip(areas, scores.tolist(), strict=True):
        if score < min_score or area < min_area or not area:
            reasons.append(f'not found (score {score:.2f}, {100 * area:.1f} % of the image)')
        elif area > max_area:
            reasons.append(f'found nearly everywhere ({100 * area:.1f} % of the image)')
        else:
            reasons.append('')
    return reasons


def suppress_background(
    masks: Tensor, background: Tensor, maps: Tensor, max_evidence: float
) -> Tensor:
    """Lower the masks of classes where the background is more probable and the maps are low.

    Args:
        masks: Probabilities in [0, 1], ``(n, H, W)``.
        background: Probability of the background, in [0, 1], ``(H, W)``.
        maps: Activation maps of the same classes in [0, 1], ``(n, H, W)``.
        max_evidence: Map value from which a mask is not lowered, in [0, 1].

    Returns:
        Probabilities ``(n, H, W)``: p (1 - b) where b > p and the map is below ``max_evidence``,
        otherwise p.
    """
    behind = (background > masks) & (maps < max_evidence)
    return torch.where(behind, masks * (1 - background), masks)


def keep_supported(masks: Tensor, maps: Tensor, min_support: float) -> Tensor:
    """Drop the connected parts of masks that the maps do not show.

    Args:
        masks: Probabilities in [0, 1], ``(n, H, W)``. A part is a connected region of at least 0.5.
        maps: Activation maps of the same classes in [0, 1], ``(n, H, W)``.
        min_support: Share of its peak that a map must reach in a part, in [0, 1].

    Returns:
        Probabilities ``(n, H, W)``, 0 in the dropped parts.

    Raises:
        ValueError: If the shapes differ.
    """
    if masks.shape != maps.shape:
        raise ValueError(
            f'masks and maps must have one shape, but got {tuple(masks.shape)} and '
            f'{tuple(maps.shape)}.'
        )
    from scipy import ndimage

    kept = masks.clone()
    for mask, cam in zip(kept, maps, strict=True):
        if not cam.numel():
            continue
        labels, number = ndimage.label((mask >= 0.5).cpu().numpy(), _NEIGHBOURS)
        if not number:
            continue
        values = cam.detach().float().cpu().numpy()
        peaks = ndimage.maximum(values, labels, np.arange(1, number + 1))
        dropped = np.flatnonzero(peaks < min_support * values.max()) + 1
        mask[torch.from_numpy(np.isin(labels, dropped)).to(mask.device)] = 0
    return kept


def fuse_with_maps(masks: Tensor, maps: Tensor, usable: Tensor, weight: float) -> Tensor:
    """Mix masks and maps, so that the maps decide where several masks overlap.

    Args:
        masks: Probabilities in [0, 1], ``(n, H, W)``.
        maps: Activation maps of the same classes in [0, 1], ``(n, H, W)``.
        usable: Whether each mask counts, bool ``(n,)``; otherwise the map of the class is kept.
        weight: Share of the masks, in [0, 1].

    Returns:
        Maps in [0, 1], ``(n, H, W)``.
    """
    mixed = weight * masks + (1 - weight) * maps
    return torch.where(usable[:, None, None], mixed, maps)
