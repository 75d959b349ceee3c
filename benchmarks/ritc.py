"""RITC's training step, against the released code's way: loops over maps and pairs, two CLIP calls.

Shapes: B images, K classes, P pairs, D embedding, N background texts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmengine.structures import BaseDataElement
from torch import Tensor
from torch.nn import functional as F

from benchmarks.cam_export import temporary_folder
from benchmarks.case import Case
from benchmarks.growth import Point, Work, measure_sizes
from benchmarks.plain_ritc import OMEGA, TEMPERATURE, load_plain_visual, plain_loss
from qaclims_mm.errors import FormatError
from qaclims_mm.registry import MODELS
from qaclims_mm.schemas import write_text_bank
from qaclims_mm.schemas.names import counted
from qaclims_mm.vlms.clip.open_clip import CLIPImageHead

NORM = dict(type='BN', requires_grad=True)
TEXTS, FG, BG = 4000, 7, 10
BARS = {'cpu': 1.0, 'cuda': 4.0}
# relative, of float32 and of half precision
_TOLERANCE, _HALF = 1e-3, 2e-2


@dataclass(frozen=True)
class Setup:
    """What a step is of: a CLIP of open_clip, depth of the ResNet, images of a side, pairs each."""

    clip: str
    depth: int
    side: int
    pairs: tuple[int, ...]


# 1.5 pairs an image, as VOC has
SETUPS = {
    ('tiny', 'cpu'): Setup('ViT-B-32', 18, 128, (2, 1)),
    ('full', 'cpu'): Setup('ViT-B-16-quickgelu', 50, 512, (2, 1, 1, 2)),
    ('tiny', 'cuda'): Setup('ViT-B-32', 18, 128, (2, 1)),
    ('full', 'cuda'): Setup('ViT-L-14-quickgelu', 50, 512, (2, 1, 1, 2, 1, 2, 2, 1)),
}


def make_bank(folder: Path, head: CLIPImageHead) -> Tensor:
    """Write a text bank of random embeddings that belongs to a CLIP; returns them."""
    width = head.encoder.output_dim
    embeddings = F.normalize(torch.randn(TEXTS, width), dim=-1)
    index: dict[str, list] = {k: [] for k in ('image_id', 'class_name', 'label', 'fg', 'bg', 'no')}
    metadata = dict(clip=head.model, weights_sha256=head.weights_sha256)
    write_text_bank(folder, embeddings.numpy(), [str(i) for i in range(TEXTS)], index, metadata)
    return embeddings


def network_cfg(setup: Setup, folder: Path) -> dict:
    """Return the config of the paper's network at the sizes of a setup."""
    return dict(
        type='RITC',
        activation='sigmoid',
        backbone=dict(
            type='ResNet',
            depth=setup.depth,
            strides=(1, 2, 2, 1),
            dilations=(1, 1, 1, 1),
            out_indices=(3,),
            frozen_stages=0,
            norm_cfg=NORM,
        ),
        cam_head=dict(
            type='CAMHead', in_channels=512 if setup.depth < 50 else 2048, num_classes=20
        ),
        image_head=dict(type='CLIPImageHead', model=setup.clip, mask_prompt='random'),
        text_bank=str(folder),
        threshold=dict(type='ForegroundAdaptiveThreshold', omega=OMEGA),
        loss_frc=dict(type='FRCLoss', loss_weight=10.0, temperature=TEMPERATURE),
        loss_brc=dict(type='BRCLoss', loss_weight=8.0, temperature=TEMPERATURE),
        loss_reg=dict(type='REGLoss', loss_weight=0.2),
    )


def make_samples(setup: Setup, device: torch.device) -> list[Any]:
    """Return the labels of a batch with random rows of the text bank."""
    samples = []
    for number in setup.pairs:
        class_indices = torch.randperm(20)[:number].sort().values
        rows = {
            name: torch.randint(TEXTS, (number, width))
            for name, width in (('fg_rows', FG), ('bg_rows', BG), ('no_rows', 1))
        }
        samples.append(BaseDataElement(class_indices=class_indices, **rows).to(device))
    return samples


# {way: (changes of the network, changes of its image head, autocast's type)}; ours first
WAYS: dict[str, dict[str, tuple[dict, dict, torch.dtype | None]]] = {
    'cpu': {
        'RITC': ({}, {}, None),
        'RITC, with_cp': ({}, dict(with_cp=True), None),
    },
    'cuda': {
        'RITC, bfloat16': (dict(channels_last=True), dict(dtype='bfloat16'), torch.bfloat16),
        'RITC, bfloat16, with_cp': (
            dict(channels_last=True),
            dict(dtype='bfloat16', with_cp=True),
            torch.bfloat16,
        ),
        'RITC': ({}, {}, None),
    },
}


@dataclass(frozen=True)
class Batch:
    """What all ways of a step work on.

    Attributes:
        cfg: Config of the network.
        texts: ``(T, D)``.
        samples: Labels and rows of texts.
        images: ``(B, 3, H, W)``.
    """

    cfg: dict
    texts: Tensor
    samples: list[Any]
    images: Tensor

    def network(self, changes: dict, image_head: dict) -> Any:
        """Build a network, with the same weights at every call.

        Args:
            changes: Keys of its config.
            image_head: Keys of that of its image head.
        """
        torch.manual_seed(1)
        head = self.cfg['image_head'] | image_head
        model = MODELS.build(ConfigDict(self.cfg | changes | dict(image_head=head)))
        model.load_texts()
        return model.to(self.images.device).train()

    def step(self, model: Any, dtype: torch.dtype | None) -> Callable[[], Tensor]:
        """Return the step of a network, under autocast to a type or in float32."""
        return step_of(model, partial(self._sum_of_losses, model, dtype))

    def _sum_of_losses(self, model: Any, dtype: torch.dtype | None) -> Tensor:
        with torch.autocast(self.images.device.type, dtype, enabled=dtype is not None):
            losses = model(self.images, self.samples, mode='loss')
        return torch.stack(list(losses.values())).sum()


def make_batch(setup: Setup, device: torch.device) -> Batch:
    """Make random images and labels, and write a text bank for them."""
    import qaclims_mm.plugin  # noqa: F401 - registers the network

    init_default_scope('mmseg')
    folder = temporary_folder()
    torch.manual_seed(0)
    cfg = network_cfg(setup, folder)
    texts = make_bank(folder, MODELS.build(ConfigDict(cfg['image_head'])))
    samples = make_samples(setup, device)
    images = torch.randn(len(setup.pairs), 3, setup.side, setup.side, device=device)
    return Batch(cfg, texts, samples, images)


def growth(sizes: Sequence[int]) -> list[Point]:
    """Return the points of a step of so many images with a pair each, ResNet-18 and ViT-B/32."""
    setup = SETUPS['tiny', 'cpu']

    def make(images: int) -> Work:
        batch = make_batch(replace(setup, pairs=(1,) * images), torch.device('cpu'))
        return Work(batch.step(batch.network({}, {}), None))

    return measure_sizes(make, sizes)


def build(size: str, device: torch.device) -> Case:
    """Return a step: forward, backward and SGD, with CLIP frozen."""
    setup = SETUPS[size, device.type]
    batch = make_batch(setup, device)
    ways: dict[str, Callable[[], Tensor]] = {}
    for name, (changes, image_head, dtype) in WAYS[device.type].items():
        ways[name] = batch.step(batch.network(changes, image_head), dtype)
    theirs = batch.network({}, {})
    visual = load_plain_visual(theirs.image_head).to(device)
    texts = batch.texts.to(device)
    plain = partial(plain_loss, theirs, visual, texts, batch.images, batch.samples)
    ways['loops, two CLIP calls'] = step_of(theirs, plain)
    pairs = sum(setup.pairs)
    return Case(
        ways,
        f'{counted(len(setup.pairs), "image")} of {setup.side}, {counted(pairs, "pair")}, '
        f'ResNet-{setup.depth}, {setup.clip}',
        len(setup.pairs),
        bar=BARS[device.type],
        memory_bar=1.0,
        dtype=torch.bfloat16 if device.type == 'cuda' else torch.float32,
        check=check_losses,
    )


def step_of(model: Any, loss: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """Return a training step that returns its loss; the learning rate is 0, so none differs."""
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(weights, lr=0.0, momentum=0.9, weight_decay=1e-4)

    def step() -> Tensor:
        value = loss()
        value.backward()
        optimizer.step()
        optimizer.zero_grad()
        return value.detach()

    return step


def check_losses(results: Sequence[Any]) -> None:
    """Refuse ways whose losses differ by more than their precision.

    Raises:
        FormatError: If they do.
    """
    *ours, exact, wanted = map(float, results)
    tolerance = _TOLERANCE * abs(wanted)
    # of ours, one in float32 comes last
    if abs(exact - wanted) > tolerance or any(abs(x - exact) > _HALF * abs(exact) for x in ours):
        raise FormatError(
            f"RITC's losses are {[*ours, exact]}, but that of the plain way is {wanted}."
        )
