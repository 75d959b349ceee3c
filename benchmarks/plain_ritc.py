"""RITC's loss in the released code's way: loops over maps and pairs, two CLIP calls.

Shapes: B images, K classes, P pairs, D embedding, N background texts.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from qaclims_mm.vlms.clip.open_clip import CLIPImageHead

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
TEMPERATURE, OMEGA = 0.7, 0.1


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
