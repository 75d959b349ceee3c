"""Exporting activation maps: images together, against the released code's one scale a time.

Shapes: K classes, H W pixels of an image, h w pixels of a copy, n classes in an image.
"""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from torch import Tensor
from torch.nn import functional as F

from benchmarks.case import Case
from benchmarks.growth import Point, Work, measure_sizes, shape_of
from benchmarks.ir_label import smooth_scene
from qaclims_mm.datasets.transforms.formatting import PackWeakInputs
from qaclims_mm.errors import FormatError
from qaclims_mm.evaluation.cam_writer import CAMWriter
from qaclims_mm.registry import MODELS
from qaclims_mm.schemas import file_of, read_cams
from qaclims_mm.schemas.names import counted

KEYS = (3, 14)
_BACKBONE = dict(type='ResNet', norm_cfg=dict(type='BN', requires_grad=False))
R50 = dict(**_BACKBONE, depth=50, strides=(1, 2, 2, 1), dilations=(1, 1, 1, 1))
R18_MINI = dict(
    **_BACKBONE, depth=18, base_channels=32, num_stages=3, strides=(1, 2, 1), dilations=(1, 1, 2)
)


@dataclass(frozen=True)
class Setup:
    """What is exported: images, their size, scales, and the network with its last channels."""

    images: int
    size: tuple[int, int]
    scales: tuple[float, ...]
    backbone: dict = field(default_factory=lambda: R50)
    channels: int = 2048
    bar: float = 1.0


_VOC = ((375, 500), (1.0, 0.5, 1.5, 2.0))
_MINIWORLD = (4, (112, 112), (1.0, 0.5, 1.5), R18_MINI, 128)
SETUPS = {
    ('tiny', 'cpu'): Setup(*_MINIWORLD),
    # a CPU is bound by the FLOPs, of which only Winograd's convolutions save some
    ('full', 'cpu'): Setup(2, *_VOC, bar=1.3),
    ('tiny', 'cuda'): Setup(*_MINIWORLD),
    ('full', 'cuda'): Setup(16, *_VOC, bar=5.0),
}
# of the full-size maps beside the rounding of the files; float16 has 11 bits in every layer
_TOLERANCES = {'float32': 1e-4, 'float16': 0.02}


def temporary_folder() -> Path:
    """Return a new folder that goes when the process ends."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def make_batch(number: int, size: tuple[int, int], scales: tuple[float, ...]) -> dict[str, list]:
    """Return images as a loader does, with 2 classes and their maps each.

    Args:
        number: Of images.
        size: H and W.
        scales: Of their copies.
    """
    packed = []
    pack = PackWeakInputs(scales)
    for index in range(number):
        maps, keys, picture = smooth_scene(index, *size)
        record = dict(
            img=picture,
            image_id=str(index),
            ori_shape=size,
            class_indices=list(KEYS),
            num_classes=20,
            cam_class_indices=keys,
            cam_strided=maps[:, ::4, ::4].copy(),
        )
        packed.append(pack.transform(record))
    return {k: [p[k] for p in packed] for k in ('inputs', 'data_samples')}


def build_network(cfg: dict, device: torch.device) -> Any:
    """Return a network with random weights, the same ones at every call."""
    import qaclims_mm.plugin  # noqa: F401 - registers the network

    init_default_scope('mmseg')
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MODELS.build(ConfigDict(cfg)).to(device).eval()


def network_cfg(setup: Setup, dtype: str) -> dict:
    """Return the config of a classifier of 20 classes, laid out for a type of numbers."""
    backbone = {**setup.backbone, 'out_indices': (len(setup.backbone['strides']) - 1,)}
    head = dict(type='CAMHead', in_channels=setup.channels, num_classes=20)
    return dict(
        type='CAMClassifier', backbone=backbone, cam_head=head, channels_last=dtype == 'float16'
    )


def export(network: Any, batch: dict[str, list], folder: Path, dtype: str) -> Path:
    """Write the maps of a batch as a test run does; returns the folder.

    Args:
        network: A ``CAMNetwork``.
        batch: Of a loader.
        folder: Of the files.
        dtype: ``float16`` runs as ``test_cfg.fp16=True`` does.
    """
    device = network.data_preprocessor.device.type
    with torch.autocast(device, torch.float16, enabled=dtype == 'float16'):
        samples = network.test_step(batch)
    writer = CAMWriter(str(folder))
    writer.process(None, [s.to_dict() for s in samples])
    writer.evaluate(len(samples))
    return folder


@torch.no_grad()
def plain_maps(network: Any, copies: Sequence[Tensor], size: tuple[int, int]) -> list[Tensor]:
    """Return the maps at stride 4 and of full size in the released code's way.

    Each copy goes through the network with its mirror image alone; all classes are resized, and
    those of the image taken afterwards.

    Args:
        network: A ``CAMNetwork``.
        copies: uint8 ``(3, h, w)``.
        size: H and W.
    """
    outputs = []
    for pixels in copies:
        image = network.data_preprocessor.normalise(pixels.to(network.data_preprocessor.device))
        both = network.cam_head(network.backbone(torch.stack([image, image.flip(-1)]))).relu()
        outputs.append(both[0] + both[1].flip(-1))
    height, width = size
    found = []
    for target in (
        ((height - 1) // 4 + 1, (width - 1) // 4 + 1),
        (((height - 1) // 16 + 1) * 16, ((width - 1) // 16 + 1) * 16),
    ):
        resized = [
            F.interpolate(o[:, None], target, mode='bilinear', align_corners=False) for o in outputs
        ]
        maps = torch.stack(resized).sum(0)[:, 0, :height, :width][list(KEYS)]
        found.append(maps / (F.adaptive_max_pool2d(maps, (1, 1)) + 1e-5))
    return found


def export_plainly(
    network: Any, batch: dict[str, list], size: tuple[int, int], folder: Path
) -> Path:
    """Write the maps of a batch image by image, as arrays of float32; returns the folder."""
    for index, copies in enumerate(batch['inputs']):
        for name, maps in zip(
            ('strided', 'high_res'), plain_maps(network, copies, size), strict=True
        ):
            np.save(folder / f'{index}.{name}.npy', maps.cpu().numpy())
    return folder


def check_files(dtypes: Sequence[str], number: int, results: Sequence[Any]) -> None:
    """Refuse files that hold other maps than those of the last way.

    Args:
        dtypes: Of the ways but the last.
        number: Of images.
        results: The folders of all ways.

    Raises:
        FormatError: If a map is further off than by the rounding of the files.
    """
    *folders, plain = results
    # float16 below 1, and 256 steps
    rounding = dict(strided=2**-12, high_res=0.5 / 255)
    for dtype, folder in zip(dtypes, folders, strict=True):
        for index in range(number):
            path = file_of(folder, str(index), '.npz')
            cams = read_cams(path)._asdict()
            for name, step in rounding.items():
                wanted = np.load(plain / f'{index}.{name}.npy', allow_pickle=False)
                off = float(np.abs(cams[name] - wanted).max())
                # written so that NaN is refused too
                if not off <= step + _TOLERANCES[dtype]:
                    raise FormatError(f'{dtype}: {name} of {path} is {off:.1e} off the plain way.')


def build(size: str, device: torch.device) -> Case:
    """Return the export of images with 2 classes over several scales and their mirror images."""
    setup = SETUPS[size, device.type]
    batch = make_batch(setup.images, setup.size, setup.scales)
    dtypes = ['float16', 'float32'] if device.type == 'cuda' else ['float32']
    networks = {d: build_network(network_cfg(setup, d), device) for d in dtypes}
    ways: dict[str, Callable[[], object]] = {
        f'images together, {d}': partial(export, networks[d], batch, temporary_folder(), d)
        for d in dtypes
    }
    ways['one image and scale a time'] = partial(
        export_plainly, networks['float32'], batch, setup.size, temporary_folder()
    )
    scales = ', '.join(map(str, setup.scales))
    return Case(
        ways,
        f'{counted(setup.images, "image")} of {setup.size[0]} x {setup.size[1]} with 2 classes, '
        f'scales {scales} and flip, ResNet-{setup.backbone["depth"]}',
        setup.images,
        bar=setup.bar,
        dtype=getattr(torch, dtypes[0]),
        check=partial(check_files, dtypes, setup.images),
    )


def growth(sizes: Sequence[int]) -> list[Point]:
    """Return the points of the export of an image of so many pixels, ResNet-50."""
    setup = SETUPS['full', 'cpu']
    network = build_network(network_cfg(setup, 'float32'), torch.device('cpu'))
    folder = temporary_folder()

    def make(pixels: int) -> Work:
        batch = make_batch(1, shape_of(pixels), setup.scales)
        return Work(partial(export, network, batch, folder, 'float32'))

    return measure_sizes(make, sizes)
