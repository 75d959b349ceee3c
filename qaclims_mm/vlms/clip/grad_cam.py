"""Grad-CAM on a frozen CLIP: where an image encoder sees what a text says.

Shapes: B images, T texts, N of them asked about, p q patches, E token width, D embedding.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from qaclims_mm.vlms.clip.mask_prompt import find_vit, is_plain_vit


def text_grad_cams(
    visual: Any, images: Tensor, texts: Tensor, count: int, scale: float = 100.0
) -> Tensor:
    """Return the Grad-CAM of each text's share in a softmax over all texts.

    Activations are the patch tokens that the attention of the last block reads; the weight of a
    channel is the mean, over the patches, of the gradient of the text's probability. One of almost
    1 has almost no gradient, so that of its logarithm is taken, in double precision, which differs
    by a factor, and each map is divided by its peak.

    Args:
        visual: The image encoder of an open_clip model, frozen; see ``mask_clip.find_vit``. It may
            be of half precision: what follows it is computed in the texts' type.
        images: Normalised, of the encoder's size, ``(B, 3, H, W)``.
        texts: L2-normalised, ``(T, D)``; maps are made of the first ones.
        count: N, how many.
        scale: Factor of the cosines; CLIP has learned 100.

    Returns:
        ``(B, N, p, q)`` in [0, 1]; 0 where no patch speaks for the text.

    Raises:
        ValueError: If the encoder is no plain ViT.

    Source:
        Lin et al., CLIP is Also an Efficient Segmenter, CVPR 2023 (softmax-GradCAM, section 3.2).
    """
    if not is_plain_vit(visual):
        kind = type(getattr(visual, 'trunk', visual)).__name__
        raise ValueError(
            f'Grad-CAM needs a plain ViT of open_clip, of single patches, but got {kind}; give a '
            'CLIPImageHead of such a model, ViT-B-16 for example.'
        )
    vit = find_vit(visual)
    with torch.no_grad():
        images = images.to(next(visual.parameters()).dtype)
        x = vit.embed(images, lambda patches: patches)
        for block in vit.blocks[:-1]:
            x = block(x)
    return last_block_grad_cams(visual, x, texts, count, scale)


def last_block_grad_cams(
    visual: Any, x: Tensor, texts: Tensor, count: int, scale: float = 100.0
) -> Tensor:
    """Return the same of tokens that the blocks before the last have made.

    Args:
        visual: As in ``text_grad_cams``.
        x: What enters the last block, ``(B, prefix + p q, E)``.
        texts: As in ``text_grad_cams``.
        count: As in ``text_grad_cams``.
        scale: As in ``text_grad_cams``.

    Returns:
        As ``text_grad_cams``.
    """
    vit = find_vit(visual)
    with torch.enable_grad():
        tokens, features = _watch(vit, x)
        cosines = F.normalize(features.to(texts), dim=-1) @ texts.T
        shares = (scale * cosines.double()).log_softmax(-1)
        # images are independent, so the gradient of a sum over them is that of each
        gradients = [
            torch.autograd.grad(shares[:, n].sum(), tokens, retain_graph=True)[0]
            for n in range(count)
        ]
    patches = tokens.detach()[:, vit.prefix :].to(texts)
    weights = [g[:, vit.prefix :].to(texts).mean(1) for g in gradients]
    maps = [torch.einsum('bpe,be->bp', patches, w).relu() for w in weights]
    cams = torch.stack(maps, dim=1)
    peaks = cams.amax(-1, keepdim=True).clamp(min=torch.finfo(cams.dtype).tiny)
    return (cams / peaks).unflatten(2, tuple(vit.grid_size))


def _watch(vit: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    """Run the last block; returns the tokens after its first norm, as a leaf, and the features."""
    kept: list[Tensor] = []

    def detach(_module: Any, _inputs: Any, output: Tensor) -> Tensor:
        kept.append(output.detach().requires_grad_())
        return kept[-1]

    handle = vit.first_norm.register_forward_hook(detach)
    try:
        features = vit.pool(vit.blocks[-1](x))
    finally:
        handle.remove()
    return kept[0], features
