"""Maps of large images, strip by strip where memory is short, and equal up to rounding.

Shapes: B images, C channels of a map, H W pixels, P Q cells.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from qaclims_mm.free_memory import free_memory_of

Network = Callable[[Tensor], Tensor]
# below, no network takes more than a few GB
SMALL = 2**20
# of the free memory; maps and other processes need some too
_SHARE = 0.5
# tensors of the size of the largest output that are held at once; measured: two, of a ResNet-18
_HELD = 4
# a probe has this width and one of these heights in pixels; its middle rows are marked
_WIDTH, _HEIGHTS, _MARKED = 64, (256, 512, 1024, 2048), 32


@dataclass(frozen=True)
class Reach:
    """What a row of a network's map depends on.

    Attributes:
        stride: Rows of pixels for a row of the map.
        rows: How many further rows above and below count, a multiple of ``stride``.
        bytes: Memory of the network for a pixel.
    """

    stride: int
    rows: int
    bytes: float


@torch.no_grad()
def measure_reach(network: Network, model: nn.Module) -> Reach | None:
    """Measure what rows of a network's map depend on.

    Some rows of an image become NaN, which is passed on to each value that depends on them. Then
    the map of an image that begins some rows later must be the same but at its border.

    Args:
        network: From images ``(B, 3, H, W)`` to maps ``(B, C, P, Q)`` without bounds.
        model: What it is made of, in eval mode.

    Returns:
        ``None`` if rows depend on the whole image or on the place of a strip, as with attention.
    """
    device = next(model.parameters()).device
    with torch.autocast(device.type, enabled=False):
        for height in _HEIGHTS:
            reach = _probe(network, model, torch.zeros(1, 3, height, _WIDTH, device=device))
            if reach is not None:
                return reach if _is_same_at_each_place(network, reach, device) else None
    return None


def _probe(network: Network, model: nn.Module, image: Tensor) -> Reach | None:
    """Measure with one image; ``None`` if it is too small for the reach."""
    height, middle = image.shape[2], image.shape[2] // 2
    image[:, :, middle : middle + _MARKED] = torch.nan
    largest = [0]

    def note(_module: nn.Module, _inputs: Any, out: Any) -> None:
        if isinstance(out, Tensor):
            largest.append(out.nbytes)

    with ExitStack() as hooks:
        for module in model.modules():
            hooks.callback(module.register_forward_hook(note).remove)
        maps = network(image)
    # a pool that rounds up adds a row at the end
    stride = round(height / maps.shape[2])
    marked = maps.isnan().flatten(0, 1).any(0).any(1).nonzero().flatten().tolist()
    if _MARKED % stride or not marked or marked[0] == 0 or marked[-1] == maps.shape[2] - 1:
        return None
    above = middle // stride - marked[0]
    below = marked[-1] - (middle + _MARKED) // stride + 1
    size = _HELD * max(largest) / (height * _WIDTH)
    return Reach(stride, stride * max(above, below, 0), size)


def _is_same_at_each_place(network: Network, reach: Reach, device: torch.device) -> bool:
    """Tell whether the map of an image that begins later is the same but at its border."""
    height = 4 * reach.rows + _MARKED
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 3, height, _WIDTH, generator=generator).to(device)
    border = reach.rows // reach.stride
    whole = network(image)[:, :, border + 1 :]
    later = network(image[:, :, reach.stride :])[:, :, border:]
    return torch.allclose(whole, later, rtol=0, atol=1e-4 * float(whole.abs().max()))


def map_in_strips(network: Network, images: Tensor, reach: Reach, rows: int) -> Tensor:
    """Map images strip by strip; each strip is seen with all that its map depends on.

    Args:
        network: As for ``measure_reach``.
        images: ``(B, 3, H, W)``.
        reach: Of the network.
        rows: Of a strip, a multiple of the stride, beside what it is seen with.

    Returns:
        ``(B, C, P, Q)``, equal to ``network(images)`` up to rounding.
    """
    height, maps = images.shape[2], []
    for start in range(0, height, rows):
        stop = min(height, start + rows)
        top, bottom = max(0, start - reach.rows), min(height, stop + reach.rows)
        first = (start - top) // reach.stride
        last = None if stop == height else first + rows // reach.stride
        # a copy, or the whole map of the strip would stay
        maps.append(network(images[:, :, top:bottom])[:, :, first:last].clone())
    return torch.cat(maps, dim=2)


def map_within_memory(
    network: Network, images: Tensor, reach: Callable[[], Reach | None], free: int | None = None
) -> Tensor:
    """Map images at once, or in strips if the memory does not suffice.

    Args:
        network: As for ``measure_reach``.
        images: ``(B, 3, H, W)``.
        reach: Gives that of the network; called for large images alone.
        free: Bytes that are free; by default those of the images' device.

    Returns:
        ``(B, C, P, Q)``.
    """
    batch, _, height, width = images.shape
    found = reach() if batch * height * width > SMALL else None
    if found is None:
        return network(images)
    free = free_memory_of(str(images.device)) if free is None else free
    rows = int(_SHARE * free / (found.bytes * batch * width))
    if rows >= height:
        return network(images)
    # thinner ones would save little memory, for many times the work
    least = max(found.stride, found.rows)
    rows = max(least, (rows - 2 * found.rows) // found.stride * found.stride)
    return map_in_strips(network, images, found, rows)
