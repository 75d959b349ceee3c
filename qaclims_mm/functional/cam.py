"""Activation maps: region images, mirror images and the merging of scales.

Shapes: P pairs of image and class, H W pixels, K classes.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

REGION_IMAGES = ('hard', 'soft')
_EPS = 1e-5
# images of equal size go through a network together up to that many pixels: larger maps leave a
# CPU's caches, and 5 GB of a GPU are what a ResNet takes for them and their mirror images
_PIXELS = {'cpu': 2**15, 'cuda': 2**23}


def resize(maps: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    """Resize bilinearly; a no-op at equal size.

    Args:
        maps: ``(B, C, H, W)``.
        size: Height and width wanted, in pixels.
        align_corners: As in ``interpolate``.

    Returns:
        ``(B, C, *size)``.
    """
    if tuple(maps.shape[-2:]) == tuple(size):
        return maps
    return F.interpolate(maps, size=tuple(size), mode='bilinear', align_corners=align_corners)


def region_images(
    images: Tensor, cams: Tensor, mask: Tensor | None, mode: str = 'hard'
) -> tuple[Tensor, Tensor]:
    """Cut each image into the region of a class and the rest.

    Args:
        images: Normalised images, one a pair, ``(P, 3, H, W)``; 0 is what is left of a pixel that
            is masked out.
        cams: Activations in [0, 1], ``(P, 1, H, W)``.
        mask: FAT mask of 0 and 1, ``(P, 1, H, W)``; read by ``hard`` only, which needs one.
        mode: ``hard`` multiplies by P b and (1 - P)(1 - b), ``soft`` by P and 1 - P.

    Returns:
        Foreground and background images, each ``(P, 3, H, W)``.

    Raises:
        ValueError: If ``mode`` is unknown, or ``hard`` gets no mask.

    Source:
        ``hard``: eq. 3 and 10 of the paper; ``soft``: train_qa_clims.py of the released code.
    """
    if mode not in REGION_IMAGES:
        raise ValueError(f'mode must be one of {REGION_IMAGES}, but got {mode!r}.')
    if mode == 'soft':
        return images * cams, images * (1 - cams)
    if mask is None:
        raise ValueError("mode 'hard' needs a mask, but got None; 'soft' needs none.")
    return images * (cams * mask), images * ((1 - cams) * (1 - mask))


def group_by_size(images: Sequence[Tensor], pixels: int) -> list[list[int]]:
    """Return the indices of images that can be stacked.

    Args:
        images: Each of a shape of its own, ``(..., h, w)``.
        pixels: How many a group has at most; one image is always allowed.

    Returns:
        Groups of indices of one shape; each index stands once.
    """
    found: dict[torch.Size, list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        found[image.shape].append(index)
    groups = []
    for shape, indices in found.items():
        step = max(1, pixels // max(1, shape[-2] * shape[-1]))
        groups += [indices[i : i + step] for i in range(0, len(indices), step)]
    return groups


def sum_over_flips(
    network: Callable[[Tensor], Tensor], images: Sequence[Tensor], pixels: int | None = None
) -> list[Tensor]:
    """Return the maps of each image plus those of its mirror image, mirrored back.

    Images of equal size and their mirror images go through the network together.

    Args:
        network: From images ``(B, 3, h, w)`` to maps ``(B, C, p, q)``.
        images: On one device, each ``(3, h, w)`` of any h and w.
        pixels: Of the images at once; ``None`` takes what suits the device.

    Returns:
        For each image ``(C, p, q)``.
    """
    sums: dict[int, Tensor] = {}
    if images and pixels is None:
        pixels = _PIXELS.get(images[0].device.type, _PIXELS['cuda'])
    for group in group_by_size(images, pixels or 0):
        batch = torch.stack([images[i] for i in group])
        maps, mirrored = network(torch.cat([batch, batch.flip(-1)])).chunk(2)
        sums.update(zip(group, maps + mirrored.flip(-1), strict=True))
    return [sums[i] for i in range(len(images))]


def merge_multiscale_cams(
    cams: Sequence[Tensor], size: tuple[int, int], stride: int = 16
) -> tuple[Tensor, Tensor]:
    """Sum the maps of all scales and divide each by its peak.

    Args:
        cams: One tensor a scale, non-negative, flip already merged, ``(C, h, w)`` of any h and w.
        size: Height H and width W of the image in pixels.
        stride: Multiple to which the image is rounded up before the full-size maps are cropped.

    Returns:
        ``strided`` at ``(C, (H-1)//4+1, (W-1)//4+1)`` and ``high_res`` at ``(C, H, W)``; each map
        divided by (its maximum + 1e-5), hence in [0, 1).

    Raises:
        ValueError: If there is no scale.

    Source:
        make_clims.py of the released code (facts item 24a).
    """
    if not cams:
        raise ValueError('cams must hold at least one scale, but got none.')
    height, width = size
    strided = ((height - 1) // 4 + 1, (width - 1) // 4 + 1)
    padded = (-(-height // stride) * stride, -(-width // stride) * stride)
    if cams[0].shape[0] == 0:
        return cams[0].new_zeros(0, *strided), cams[0].new_zeros(0, height, width)

    def merged(target: tuple[int, int]) -> Tensor:
        # scale by scale: all of them at full size are several times as much memory
        total = cams[0].new_zeros(cams[0].shape[0], *target)
        for maps in cams:
            total += resize(maps[None], target, align_corners=False)[0]
        return total

    def normalised(maps: Tensor) -> Tensor:
        return maps / (maps.amax(dim=(-2, -1), keepdim=True) + _EPS)

    return normalised(merged(strided)), normalised(merged(padded)[:, :height, :width])


def mask_of_cams(cams: Tensor, class_indices: Tensor, threshold: float) -> Tensor:
    """Return where which map is highest; where none is above the threshold, the background.

    Args:
        cams: In [0, 1], ``(n, H, W)``.
        class_indices: Class index k of each map, ``(n,)``.
        threshold: Map value of the background.

    Returns:
        Integers ``(H, W)``: 0 background, k + 1 classes.

    Raises:
        ValueError: If a map has NaN.
    """
    names = torch.cat([class_indices.new_zeros(1), class_indices + 1])
    highest = cams.new_full(cams.shape[1:], threshold)
    index = torch.zeros_like(highest, dtype=torch.int64)
    # map by map: a copy of all of them would double the memory
    for place, one in enumerate(cams, start=1):
        index.masked_fill_(one > highest, place)
        torch.maximum(highest, one, out=highest)
    # a maximum over NaN is NaN
    if highest.isnan().any():
        broken = class_indices[cams.isnan().flatten(1).any(1)].tolist()
        raise ValueError(f'the maps of the class indices {broken} have NaN; make them again.')
    return names[index]
