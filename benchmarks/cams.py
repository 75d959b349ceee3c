"""Activation maps at one scale: all classes in one pass, against a gradient for each class.

For a head that pools its map, Grad-CAM's maps are the same ones.
"""

from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.cam_export import KEYS, SETUPS, build_network, make_batch, network_cfg
from benchmarks.case import Case
from benchmarks.growth import Point, Work, measure_sizes, shape_of
from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.names import counted

_BARS = {'tiny': 2.0, 'full': 3.0}
_TOLERANCE = 1e-3
_TINY = 1e-12


class Classifier(nn.Module):
    """The logits ``(B, K)`` of a ``CAMNetwork``, as tools for classifiers expect them.

    Args:
        network: Its backbone and head are used.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.backbone, self.head = network.backbone, network.cam_head

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of normalised images ``(B, 3, H, W)``."""
        return self.head(self.backbone(images)).mean((2, 3))


def scaled(maps: Tensor) -> Tensor:
    """Scale each map ``(..., H, W)`` to 0 to 1."""
    maps = maps - maps.amin((-2, -1), keepdim=True)
    return maps / maps.amax((-2, -1), keepdim=True).clamp(min=_TINY)


def upsampled(maps: Tensor, images: Tensor) -> Tensor:
    """Return the positive part of maps ``(B, n, P, Q)``, scaled, as large as their images."""
    maps = F.interpolate(scaled(maps.relu()), images.shape[-2:], mode='bilinear')
    return scaled(maps)


@torch.inference_mode()
def in_one_pass(network: Any, images: Tensor) -> Tensor:
    """Return the maps ``(B, n, H, W)`` of ``KEYS``."""
    return upsampled(network.cam_head(network.backbone(images))[:, list(KEYS)], images)


def by_gradients(network: Any, images: Tensor) -> Tensor:
    """Return the same maps by Grad-CAM: a forward and a backward pass for each class."""
    maps = []
    for key in KEYS:
        [features] = network.backbone(images)
        features.retain_grad()
        logits = network.cam_head(features).mean((2, 3))
        network.zero_grad()
        logits[:, key].sum().backward()
        weights = features.grad.mean((2, 3), keepdim=True)
        maps.append((weights * features.detach()).sum(1))
    return upsampled(torch.stack(maps, 1), images)


def by_grad_cam(tool: Any, images: Tensor) -> Tensor:
    """Return the same maps by pytorch-grad-cam's ``GradCAM``."""
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    maps = [tool(images, [ClassifierOutputTarget(key)] * len(images)) for key in KEYS]
    return torch.stack([torch.from_numpy(m) for m in maps], 1)


def check_maps(results: Sequence[Any]) -> None:
    """Refuse maps that differ from those of the last way.

    Raises:
        FormatError: If they do.
    """
    *others, wanted = (r.cpu() for r in results)
    for maps in others:
        off = float((maps - wanted).abs().max())
        # written so that NaN is refused too
        if not off <= _TOLERANCE:
            raise FormatError(f'a map differs by {off:.1e} from that of the gradients.')


def normalised(network: Any, batch: dict[str, list], device: torch.device) -> Tensor:
    """Return the images of a batch, normalised, ``(B, 3, H, W)``."""
    images = [copies[0].to(device) for copies in batch['inputs']]
    return torch.stack([network.data_preprocessor.normalise(image) for image in images])


def growth(sizes: Sequence[int]) -> list[Point]:
    """Return the points of the maps of an image of so many pixels, ResNet-50."""
    setup, device = SETUPS['full', 'cpu'], torch.device('cpu')
    network = build_network(network_cfg(setup, 'float32'), device)

    def make(pixels: int) -> Work:
        batch = make_batch(1, shape_of(pixels), (1.0,))
        return Work(partial(in_one_pass, network, normalised(network, batch, device)))

    return measure_sizes(make, sizes)


def build(size: str, device: torch.device) -> Case:
    """Return the maps of 2 classes of some images, at one scale."""
    setup = SETUPS[size, device.type]
    network = build_network(network_cfg(setup, 'float32'), device)
    batch = make_batch(setup.images, setup.size, (1.0,))
    images = normalised(network, batch, device)
    ways: dict[str, Callable[[], Tensor]] = {
        'all classes in one pass': partial(in_one_pass, network, images)
    }
    if find_spec('pytorch_grad_cam'):
        from pytorch_grad_cam import GradCAM

        layer = getattr(network.backbone, network.backbone.res_layers[-1])
        tool = GradCAM(Classifier(network), [layer])
        ways["pytorch-grad-cam's GradCAM"] = partial(by_grad_cam, tool, images)
    ways['a gradient for each class'] = partial(by_gradients, network, images)
    height, width = setup.size
    return Case(
        ways,
        f'maps of 2 classes of {counted(setup.images, "image")} of {height} x {width}, one scale, '
        f'ResNet-{setup.backbone["depth"]}',
        setup.images,
        bar=_BARS[size],
        check=check_maps,
    )
