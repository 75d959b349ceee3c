"""Pixel-adaptive refinement: maps averaged over neighbours that look alike.

Shapes: B images, C maps, H W pixels, M neighbours.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

DILATIONS = (1, 2, 4, 8, 12, 24)
RING = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0))
_EPS = 1e-8


def neighbours(maps: Tensor, dilations: Sequence[int]) -> Tensor:
    """Return what lies around every pixel, ``(B, C, M, H, W)``; beyond the border its own copy.

    Args:
        maps: ``(B, C, H, W)``.
        dilations: Distances at which the 8 neighbours lie, in pixels.
    """
    height, width = maps.shape[-2:]
    reach = max(dilations)
    padded = F.pad(maps, (reach,) * 4, mode='replicate')
    views = [
        padded[
            ...,
            reach + d * dy : reach + d * dy + height,
            reach + d * dx : reach + d * dx + width,
        ]
        for d in dilations
        for dy, dx in RING
    ]
    return torch.stack(views, 2)


def pixel_affinity(
    images: Tensor, dilations: Sequence[int], w1: float = 0.3, w2: float = 0.01
) -> Tensor:
    """Return how much every neighbour counts, ``(B, 1, M, H, W)``; the weights sum to 1 + ``w2``.

    Args:
        images: RGB of any scale, ``(B, 3, H, W)``.
        dilations: As in ``neighbours``.
        w1: Width of the kernels, in standard deviations of the neighbours.
        w2: Weight of the distance beside that of the colour.
    """
    around = neighbours(images, dilations)
    spread = around.std(2, keepdim=True)
    colour = -(((around - images[:, :, None]).abs() / (spread + _EPS) / w1) ** 2)
    far = images.new_tensor([d * (dy * dy + dx * dx) ** 0.5 for d in dilations for dy, dx in RING])
    place = -((far / (far.std() + _EPS) / w1) ** 2)
    place = place.softmax(0).view(1, 1, -1, 1, 1)
    return colour.mean(1, keepdim=True).softmax(2) + w2 * place


def pixel_adaptive_refinement(
    images: Tensor,
    maps: Tensor,
    dilations: Sequence[int] = DILATIONS,
    steps: int = 10,
    w1: float = 0.3,
    w2: float = 0.01,
) -> Tensor:
    """Replace every pixel by the mean of its neighbours, weighted by likeness, ``steps`` times.

    Args:
        images: RGB, ``(B, 3, H, W)``.
        maps: ``(B, C, H, W)``.
        dilations: As in ``neighbours``.
        steps: Number of rounds.
        w1: As in ``pixel_affinity``.
        w2: As in ``pixel_affinity``.

    Returns:
        As ``maps``.

    Raises:
        ValueError: If images and maps are of other sizes.

    Source:
        PAR of "Learning Affinity from Attention" (CVPR 2022), as ToCo and WeCLIP use it.
    """
    if images.shape[0] != maps.shape[0] or images.shape[-2:] != maps.shape[-2:]:
        raise ValueError(
            f'images and maps must be of one size, but got {tuple(images.shape)} and '
            f'{tuple(maps.shape)}.'
        )
    weights = pixel_affinity(images, dilations, w1, w2) / (1 + w2)
    refined = torch.empty_like(maps)
    # map by map: the neighbours of one are 48 maps
    for one, out in zip(maps.split(1, 1), refined.split(1, 1), strict=True):
        for _ in range(steps):
            one = (neighbours(one, dilations) * weights).sum(2)
        out.copy_(one)
    return refined
