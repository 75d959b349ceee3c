"""Mask-adapted CLIP: learned tokens stand in for the patches that a region mask leaves out.

Shapes: B images, S pixels a side, P patches, E token width, D embedding.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def kept_patches(mask: Tensor, patch_size: int) -> Tensor:
    """Mark the patches in which at least one pixel is kept.

    Args:
        mask: 0/1, ``(B, 1, S, S)``.
        patch_size: Side of a patch in pixels.

    Returns:
        0/1, ``(B, P, 1)``, dtype of ``mask``.

    Source:
        ceil(average pooling) of the released mask-adapted CLIP (facts item 17).
    """
    return F.avg_pool2d(mask, patch_size).ceil().flatten(2).transpose(1, 2)


def encode_masked(visual: Any, images: Tensor, mask: Tensor, prompts: Tensor) -> Tensor:
    """Encode images with open_clip's ViT while prompt tokens replace the patches outside the mask.

    The first prompt is mixed in right after the patch convolution, before class token, positions
    and ``ln_pre``; each further one after a transformer block. The class token is never touched.

    Args:
        visual: An open_clip ``VisionTransformer``.
        images: Normalised, ``(B, 3, S, S)``.
        mask: 0/1, ``(B, 1, S, S)``, 1 = region.
        prompts: ``(depth, P, E)``; depth at most the number of blocks.

    Returns:
        Features, not normalised, ``(B, D)``.

    Source:
        Section 4.1 of the paper; model.py of the released third_party/CLIP.
    """
    keep_BP1 = kept_patches(mask.to(images.dtype), visual.patch_size[0])
    x_BPE = visual.conv1(images).flatten(2).transpose(1, 2)
    prompts = prompts.to(x_BPE.dtype)
    x_BPE = torch.lerp(prompts[0].expand_as(x_BPE), x_BPE, keep_BP1.to(x_BPE.dtype))
    token = visual.class_embedding.to(x_BPE.dtype).expand(len(x_BPE), 1, -1)
    x = torch.cat([token, x_BPE], dim=1) + visual.positional_embedding.to(x_BPE.dtype)
    x = visual.ln_pre(visual.patch_dropout(x))
    for depth, block in enumerate(visual.transformer.resblocks, start=1):
        x = block(x)
        if depth < len(prompts):
            patches = torch.lerp(prompts[depth].expand_as(x[:, 1:]), x[:, 1:], keep_BP1.to(x.dtype))
            x = torch.cat([x[:, :1], patches], dim=1)
    pooled, _ = visual._pool(x)
    return pooled @ visual.proj if visual.proj is not None else pooled


def check_vit(visual: Any) -> None:
    """Refuse an image encoder that cannot have mask prompts.

    Raises:
        ValueError: If the encoder is no plain ViT.
    """
    if not hasattr(visual, 'transformer') or not hasattr(visual, 'class_embedding'):
        raise ValueError(f'mask prompts need a ViT of open_clip, but got {type(visual).__name__}.')


def check_prompts(visual: Any, prompts: Tensor, source: str) -> None:
    """Refuse mask prompts that do not fit the image encoder.

    Raises:
        ValueError: If the encoder is no plain ViT or the shape differs.
    """
    check_vit(visual)
    patches = math.prod(visual.grid_size)
    width = visual.conv1.out_channels
    if prompts.ndim != 3 or tuple(prompts.shape[1:]) != (patches, width):
        raise ValueError(
            f'the mask prompts of {source} must be (depth, {patches}, {width}) for this encoder, '
            f'but got {tuple(prompts.shape)}; they belong to another CLIP or another input size.'
        )
