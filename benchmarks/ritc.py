"""RITC's training step, against the released code's way: loops over maps and pairs, two CLIP calls.

Shapes: B images, K classes, P pairs, D embedding, N background texts.
"""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmengine.structures import BaseDataElement
from torch import Tensor
from torch.nn import functional as F

from benchmarks.case import Case
from qaclims_mm.errors import FormatError
from qaclims_mm.registry import MODELS
from qaclims_mm.schemas import write_text_bank
from qaclims_mm.vlms.clip.open_clip import CLIPImageHead

NORM = dict(type='BN', requires_grad=True)
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
TEXTS, FG, BG = 4000, 7, 10
TEMPERATURE, OMEGA = 0.7, 0.1
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


def plain_loss(
    network: Any, visual: Any, texts: Tensor, images: Tensor, samples: Sequence[Any]
) -> Tensor:
    """Return the loss of a batch in the released code's way of working.

    Maps of all classes are resized and thresholded one by one, foreground and background go
    through CLIP in two calls, and the losses are made pair by pair.

    Args:
        network: Backbone and head.
        visual: An image encoder of open_clip as it comes, with ``mask_embedding``.
        texts: ``(T, D)``.
        images: Normalised, ``(B, 3, H, W)``.
        samples: Of the batch.
    """
    cams = torch.sigmoid(network.cam_head(network.backbone(images)))
    size = visual.image_size
    large = F.interpolate(cams, size, mode='bilinear', align_corners=True)
    small = F.interpolate(images, size, mode='bilinear', align_corners=True)
    mean, std = (small.new_tensor(v).view(1, 3, 1, 1) for v in (CLIP_MEAN, CLIP_STD))
    own = (small.new_tensor(v).view(1, 3, 1, 1) for v in zip(*network_stats(), strict=True))
    own_mean, own_std = own
    small = (small * own_std + own_mean - mean) / std
    masks = torch.zeros_like(large)
    for image in range(len(large)):
        for k in range(large.shape[1]):
            one = large[image, k].detach()
            masks[image, k] = (one >= OMEGA * one.max()).float()
    positive = [(i, int(k)) for i, s in enumerate(samples) for k in s.class_indices]
    cam = torch.stack([large[i, k][None] for i, k in positive])
    mask = torch.stack([masks[i, k][None] for i, k in positive])
    picture = torch.stack([small[i] for i, _ in positive])
    inside = F.normalize(encode_plainly(visual, picture * cam * mask, mask), dim=-1)
    outside = F.normalize(
        encode_plainly(visual, picture * (1 - cam) * (1 - mask), 1 - mask), dim=-1
    )
    fg_rows, bg_rows = (torch.cat([s.get(k) for s in samples]) for k in ('fg_rows', 'bg_rows'))
    frc = brc = cams.new_zeros(())
    for fg, bg, a, b in zip(inside, outside, fg_rows, bg_rows, strict=True):
        fg_text, bg_text = F.normalize(texts[a].mean(0), dim=-1), texts[b]
        near = torch.exp(fg @ fg_text / TEMPERATURE)
        frc = frc - torch.log(near / (near + torch.exp(bg_text @ fg / TEMPERATURE).sum()))
        far = torch.exp(bg @ fg_text / TEMPERATURE)
        match = torch.exp((bg_text @ bg).mean() / TEMPERATURE)
        brc = brc - torch.log(match / (match + far))
    scale = 4 / len(images)
    return scale * (10 * frc + 8 * brc) + 0.2 * cams.mean()


def network_stats() -> list[tuple[float, float]]:
    """Return mean and standard deviation of each channel of the network's input."""
    return list(zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True))


def encode_plainly(visual: Any, images: Tensor, mask: Tensor) -> Tensor:
    """Encode images with mask prompts as the released CLIP does, every token to the end."""
    kept = torch.ceil(F.avg_pool2d(mask, visual.patch_size)).flatten(2).transpose(1, 2)
    prompts = visual.mask_embedding
    x = visual.conv1(images).flatten(2).transpose(1, 2)
    x = x * kept + prompts[0] * (1 - kept)
    x = torch.cat([visual.class_embedding.expand(len(x), 1, -1), x], dim=1)
    x = visual.ln_pre(x + visual.positional_embedding)
    for depth, block in enumerate(visual.transformer.resblocks):
        if 0 < depth < len(prompts):
            token, patches = x[:, :1], x[:, 1:]
            x = torch.cat([token, patches * kept + prompts[depth] * (1 - kept)], dim=1)
        x = block(x)
    return visual.ln_post(x)[:, 0] @ visual.proj


def load_plain_visual(head: CLIPImageHead) -> Any:
    """Return the image encoder of a head's CLIP as open_clip makes it."""
    import open_clip

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        visual = open_clip.create_model(head.model).visual.requires_grad_(False).eval()
    visual.register_buffer('mask_embedding', head.encoder.mask_embedding)
    return visual


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


def build(size: str, device: torch.device) -> Case:
    """Return a step: forward, backward and SGD, with CLIP frozen."""
    import qaclims_mm.plugin  # noqa: F401 - registers the network

    init_default_scope('mmseg')
    setup = SETUPS[size, device.type]
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    torch.manual_seed(0)
    cfg = network_cfg(setup, folder)
    texts = make_bank(folder, MODELS.build(ConfigDict(cfg['image_head'])))
    samples = make_samples(setup, device)
    images = torch.randn(len(setup.pairs), 3, setup.side, setup.side, device=device)

    def network(changes: dict, image_head: dict) -> Any:
        torch.manual_seed(1)
        head = cfg['image_head'] | image_head
        model = MODELS.build(ConfigDict(cfg | changes | dict(image_head=head)))
        model.load_texts()
        return model.to(device).train()

    def sum_of_losses(model: Any, dtype: torch.dtype | None) -> Tensor:
        with torch.autocast(device.type, dtype, enabled=dtype is not None):
            losses = model(images, samples, mode='loss')
        return torch.stack(list(losses.values())).sum()

    ways: dict[str, Callable[[], Tensor]] = {}
    for name, (changes, image_head, dtype) in WAYS[device.type].items():
        model = network(changes, image_head)
        ways[name] = step_of(model, partial(sum_of_losses, model, dtype))
    theirs = network({}, {})
    visual = load_plain_visual(theirs.image_head).to(device)
    plain = partial(plain_loss, theirs, visual, texts.to(device), images, samples)
    ways['loops, two CLIP calls'] = step_of(theirs, plain)
    pairs = sum(setup.pairs)
    return Case(
        ways,
        f'{len(setup.pairs)} images of {setup.side}, {pairs} pairs, ResNet-{setup.depth}, '
        f'{setup.clip}',
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
