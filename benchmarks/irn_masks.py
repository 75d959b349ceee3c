"""Pseudo masks by IRN: images together and a stencil, against one image and its dense matrix."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from benchmarks.cam_export import (
    KEYS,
    R18_MINI,
    R50,
    build_network,
    make_batch,
    temporary_folder,
)
from benchmarks.case import Case
from benchmarks.growth import Point, Work, measure_sizes, shape_of
from benchmarks.random_walk import BETA, EXP_TIMES, RADIUS, dense_walk
from qaclims_mm.errors import FormatError
from qaclims_mm.evaluation.mask_writer import PseudoMaskWriter
from qaclims_mm.schemas import read_mask
from qaclims_mm.schemas.names import counted

THRESHOLD = 0.25
# random weights leave all edges alike, where a walk goes everywhere or nowhere
_CONTRAST = 50
# of a mask's pixels: rounding moves maps by 1e-4 of their peak, and with them where one is highest
_TOLERANCE = 2e-3


@dataclass(frozen=True)
class Setup:
    """What masks are made of: images, their size, the network and the channels of its stages."""

    images: int
    size: tuple[int, int]
    backbone: dict
    channels: tuple[int, ...]
    strides: tuple[int, ...]
    bar: float


_R50 = (R50, (64, 256, 512, 1024, 2048), (4, 4, 8, 16, 16))
_MINI = (4, (112, 112), R18_MINI, (64, 32, 64, 128), (4, 4, 8, 8))
SETUPS = {
    ('tiny', 'cpu'): Setup(*_MINI, bar=1.0),
    # 63 x 94 cells; the dense matrix of VOC's 94 x 125 takes a CPU minutes
    ('full', 'cpu'): Setup(1, (252, 376), *_R50, bar=1.0),
    ('tiny', 'cuda'): Setup(*_MINI, bar=1.0),
    ('full', 'cuda'): Setup(16, (375, 500), *_R50, bar=5.0),
}


def network_cfg(setup: Setup) -> dict:
    """Return the config of an IRN."""
    stages = dict(in_channels=setup.channels, strides=setup.strides)
    return dict(
        type='IRNRefiner',
        backbone={**setup.backbone, 'out_indices': range(len(setup.channels) - 1)},
        edge_head=dict(type='IRNEdgeHead', **stages),
        displacement_head=dict(
            type='IRNDisplacementHead',
            channels=(64, 128, 256, 256, 256)[: len(setup.channels)],
            **stages,
        ),
        radius=RADIUS,
        beta=BETA,
        exp_times=EXP_TIMES,
    )


def build_irn(setup: Setup, device: torch.device, pixels: Tensor) -> Any:
    """Return an IRN that sees edges in half of an image, uint8 ``(3, H, W)``."""
    network = build_network(network_cfg(setup), device)
    image = network.data_preprocessor.normalise(pixels.to(device))
    with torch.no_grad():
        network.edge_head.fuse.weight.mul_(_CONTRAST)
        network.edge_head.fuse.bias.sub_(network(image[None])[0].median())
    return network


def make_masks(network: Any, batch: dict[str, list], folder: Path) -> Path:
    """Write the masks of a batch as a test run does; returns the folder."""
    samples = network.test_step(batch)
    writer = PseudoMaskWriter(str(folder), THRESHOLD)
    writer.process(None, [s.to_dict() for s in samples])
    writer.evaluate(len(samples))
    return folder


@torch.no_grad()
def plain_mask(network: Any, pixels: Tensor, cams: Tensor) -> np.ndarray:
    """Return an image's mask in the released code's way: both branches, the whole matrix.

    Args:
        network: An ``IRNRefiner``.
        pixels: uint8 ``(3, H, W)``.
        cams: Of stride 4, ``(n, h, w)``.
    """
    preprocessor = network.data_preprocessor
    image = preprocessor.normalise(pixels.to(preprocessor.device))
    edge, _ = network(torch.stack([image, image.flip(-1)]))
    edge = edge[..., : cams.shape[-2], : cams.shape[-1]]
    edge = ((edge[0] + edge[1].flip(-1)) / 2).sigmoid()[0]
    # denormal numbers, which most of the matrix becomes, make it 20 times as slow
    torch.set_flush_denormal(True)
    try:
        walked = dense_walk(cams.to(image), edge)
    finally:
        torch.set_flush_denormal(False)
    large = F.interpolate(walked[None], scale_factor=4, mode='bilinear', align_corners=False)[0]
    large = large[:, : image.shape[-2], : image.shape[-1]]
    large = F.pad(large / large.max(), (0, 0, 0, 0, 1, 0), value=THRESHOLD)
    names = np.array([0, *(k + 1 for k in KEYS)], dtype=np.uint8)
    return names[large.cpu().numpy().argmax(0)]


def make_plainly(network: Any, batch: dict[str, list], folder: Path) -> Path:
    """Write the masks of a batch image by image; returns the folder."""
    pairs = zip(batch['inputs'], batch['data_samples'], strict=True)
    for index, ([pixels], sample) in enumerate(pairs):
        mask = plain_mask(network, pixels, sample.cam_strided)
        Image.fromarray(mask).save(folder / f'{index}.png')
    return folder


def check_masks(number: int, results: Sequence[Any]) -> None:
    """Refuse masks that differ in more pixels than rounding moves.

    Args:
        number: Of images.
        results: The folders of both ways.

    Raises:
        FormatError: If they do.
    """
    for index in range(number):
        ours, plain = (read_mask(folder / f'{index}.png') for folder in results)
        off = float((ours != plain).mean())
        if off > _TOLERANCE:
            raise FormatError(
                f'mask {index} differs from the plain one in {off:.2%} of its pixels.'
            )


def growth(sizes: Sequence[int]) -> list[Point]:
    """Return the points of the mask of an image of so many pixels, ResNet-50."""
    setup = SETUPS['full', 'cpu']
    folder = temporary_folder()

    def make(pixels: int) -> Work:
        batch = make_batch(1, shape_of(pixels), (1.0,))
        network = build_irn(setup, torch.device('cpu'), batch['inputs'][0][0])
        return Work(partial(make_masks, network, batch, folder))

    return measure_sizes(make, sizes)


def build(size: str, device: torch.device) -> Case:
    """Return the masks of images with 2 classes: edges, a walk of 256 steps, the files."""
    setup = SETUPS[size, device.type]
    batch = make_batch(setup.images, setup.size, (1.0,))
    network = build_irn(setup, device, batch['inputs'][0][0])
    ways: dict[str, Callable[[], object]] = {
        'images together, stencil': partial(make_masks, network, batch, temporary_folder()),
        'one image, dense matrix': partial(make_plainly, network, batch, temporary_folder()),
    }
    return Case(
        ways,
        f'{counted(setup.images, "image")} of {setup.size[0]} x {setup.size[1]} with 2 classes, '
        f'ResNet-{setup.backbone["depth"]}, 256 steps',
        setup.images,
        bar=setup.bar,
        check=partial(check_masks, setup.images),
    )
