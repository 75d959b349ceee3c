"""From activation maps to the prompts of SAM, and from its masks back to maps.

Shapes: n maps of an image of H by W pixels, R regions of them, M masks that SAM proposes for each.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

# pixels beside each other by a corner are one region, as people see it
_NEIGHBOURS = np.ones((3, 3), int)


class Regions(NamedTuple):
    """Connected parts of maps above a threshold.

    Attributes:
        maps: Index of the map that each is of, ``(R,)``.
        masks: Its pixels, bool ``(R, H, W)``.
        boxes: Left, top, right and bottom pixel, both included, float32 ``(R, 4)``.
        points: Column and row of its highest pixel, float32 ``(R, 2)``.
        peaks: The value there, ``(R,)``.
    """

    maps: Tensor
    masks: Tensor
    boxes: Tensor
    points: Tensor
    peaks: Tensor


def find_regions(
    maps: Tensor, threshold: float = 0.4, min_area: float = 0.001, max_regions: int = 8
) -> Regions:
    """Find the parts of each map that may be an object.

    Args:
        maps: In [0, 1], ``(n, H, W)``.
        threshold: Share of a map's own peak that its parts reach, in (0, 1].
        min_area: Share of the image's pixels that a part has at least; the largest of a map counts
            in any case, unless the map is 0.
        max_regions: Parts of a map at most; the largest are taken.

    Raises:
        ValueError: If the threshold is outside (0, 1] or the maps have another shape.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f'threshold must be in (0, 1], but got {threshold}; 0.4 is the default.')
    if maps.ndim != 3:
        raise ValueError(f'maps must be (n, H, W), but got shape {tuple(maps.shape)}.')
    from scipy import ndimage

    found: list[tuple[int, np.ndarray]] = []
    arrays = maps.detach().float().cpu().numpy()
    for index, cam in enumerate(arrays):
        if cam.size == 0 or cam.max() <= 0:
            continue
        labels, number = ndimage.label(cam >= threshold * cam.max(), _NEIGHBOURS)
        areas = np.bincount(labels.ravel(), minlength=number + 1)[1:]
        order = np.argsort(-areas, kind='stable')[:max_regions]
        wanted = [k for n, k in enumerate(order) if n == 0 or areas[k] >= min_area * cam.size]
        found += [(index, labels == k + 1) for k in wanted]
    height, width = maps.shape[1:]
    if not found:
        empty = maps.new_zeros
        return Regions(
            torch.zeros(0, dtype=torch.long, device=maps.device),
            empty((0, height, width), dtype=torch.bool),
            empty((0, 4), dtype=torch.float32),
            empty((0, 2), dtype=torch.float32),
            empty(0),
        )
    indices = torch.tensor([i for i, _ in found], device=maps.device)
    masks = torch.from_numpy(np.stack([m for _, m in found])).to(maps.device)
    inside = maps[indices].masked_fill(~masks, -1)
    peaks, places = inside.flatten(1).max(1)
    points = torch.stack([places % width, places // width], 1).float()
    return Regions(indices, masks, _boxes_of(masks), points, peaks)


def _boxes_of(masks: Tensor) -> Tensor:
    """Return left, top, right and bottom of masks that are not empty."""
    bounds = []
    for along in (1, 2):
        seen = masks.any(along).int()
        first = seen.argmax(1)
        last = seen.shape[1] - 1 - seen.flip(1).argmax(1)
        bounds.append((first, last))
    (left, right), (top, bottom) = bounds
    return torch.stack([left, top, right, bottom], 1).float()


def choose_masks(proposals: Tensor, quality: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
    """Take, for each region, the proposed mask that agrees with it best.

    Args:
        proposals: Bool ``(R, M, H, W)``.
        quality: What SAM expects of each to be its IoU, ``(R, M)``.
        regions: Bool ``(R, H, W)``.

    Returns:
        The masks, bool ``(R, H, W)``, and their IoU with the region, ``(R,)``. The best is that of
        the highest product of IoU and quality.
    """
    both = (proposals & regions[:, None]).flatten(2).sum(2).float()
    either = (proposals | regions[:, None]).flatten(2).sum(2).float()
    iou = both / either.clamp(min=1)
    best = (iou * quality.float().clamp(min=0)).argmax(1)
    rows = torch.arange(len(best), device=best.device)
    return proposals[rows, best], iou[rows, best]


def spread_over_masks(
    maps: Tensor, regions: Regions, masks: Tensor, agrees: Tensor, weight: float = 0.8
) -> Tensor:
    """Give all pixels of a mask the peak of the region that it was proposed for.

    Args:
        maps: In [0, 1], ``(n, H, W)``.
        regions: Of these maps.
        masks: One for each region, bool ``(R, H, W)``.
        agrees: Which masks count, bool ``(R,)``; a map of which none does stays as it is.
        weight: Share of the masks in the result, in [0, 1]; the rest is the map itself.

    Returns:
        Maps in [0, 1], ``(n, H, W)``.
    """
    filled = torch.zeros_like(maps)
    kept = masks & agrees[:, None, None]
    values = kept * regions.peaks[:, None, None].to(maps.dtype)
    index = regions.maps[:, None, None].expand_as(values)
    filled.scatter_reduce_(0, index, values, 'amax')
    changed = torch.zeros(len(maps), dtype=torch.bool, device=maps.device)
    changed[regions.maps[agrees]] = True
    mixed = (1 - weight) * maps + weight * filled
    return torch.where(changed[:, None, None], mixed, maps)
