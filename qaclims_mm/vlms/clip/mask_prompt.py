"""Mask-adapted CLIP: learned tokens stand in for the patches that a region mask leaves out.

Shapes: B images, H W pixels, P patches, E token width, D embedding.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint


class OpenClipViT:
    """The parts of open_clip's own ViT, in which prompts come in.

    No patch is dropped at random: a mask says which ones count.

    Args:
        visual: An open_clip ``VisionTransformer``.
    """

    def __init__(self, visual: Any) -> None:
        self.visual = visual
        self.patch_size, self.grid_size = visual.patch_size, visual.grid_size
        self.width, self.prefix = visual.conv1.out_channels, 1
        self.blocks = visual.transformer.resblocks
        # of other kinds of block the parts have other names
        self.has_plain_blocks = type(self.blocks[-1]).__name__ == 'ResidualAttentionBlock'
        self.pools_token = (
            visual.pool_type == 'tok' and visual.attn_pool is None and self.has_plain_blocks
        )

    def embed(self, images: Tensor, mix: Callable[[Tensor], Tensor]) -> Tensor:
        """Return what enters the first block; ``mix`` maps the patches ``(B, P, E)``."""
        visual = self.visual
        x_BPE = mix(visual.conv1(images).flatten(2).transpose(1, 2))
        token = visual.class_embedding.to(x_BPE.dtype).expand(len(x_BPE), 1, -1)
        x = torch.cat([token, x_BPE], dim=1) + visual.positional_embedding.to(x_BPE.dtype)
        return visual.ln_pre(x)

    @property
    def first_norm(self) -> Any:
        """The norm before the attention of the last block."""
        return self.blocks[-1].ln_1

    def attend(self, block: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return what leaves a plain block, and its attention, the mean over the heads."""
        normed = block.ln_1(x)
        attended, weights = block.attn(normed, normed, normed, need_weights=True)
        x = x + block.ls_1(attended)
        return x + block.ls_2(block.mlp(block.ln_2(x))), weights

    def last_block(self, x: Tensor) -> Tensor:
        """Return what leaves the last block; only the class token's, where that alone is pooled.

        The others' queries, projection and MLP are 7 % of the FLOPs of a ViT-B.
        """
        block = self.blocks[-1]
        if not self.pools_token:
            return block(x)
        normed = block.ln_1(x)
        attended = block.attn(normed[:, :1], normed, normed, need_weights=False)[0]
        x = x[:, :1] + block.ls_1(attended)
        return x + block.ls_2(block.mlp(block.ln_2(x)))

    def pool(self, x: Tensor) -> Tensor:
        """Return the features of what leaves the last block."""
        pooled, _ = self.visual._pool(x)
        return pooled @ self.visual.proj if self.visual.proj is not None else pooled


class TimmViT:
    """The same of a timm ViT in open_clip, such as SigLIP's.

    Args:
        visual: An open_clip ``TimmModel`` whose trunk is a timm ``VisionTransformer``.
    """

    def __init__(self, visual: Any) -> None:
        self.trunk, self.head = visual.trunk, visual.head
        self.patch_size, self.grid_size = (
            getattr(self.trunk.patch_embed, k) for k in ('patch_size', 'grid_size')
        )
        self.width, self.prefix = self.trunk.embed_dim, self.trunk.num_prefix_tokens
        self.blocks = self.trunk.blocks

    def embed(self, images: Tensor, mix: Callable[[Tensor], Tensor]) -> Tensor:
        """Return what enters the first block; ``mix`` maps the patches ``(B, P, E)``."""
        patches = self.trunk.patch_embed(images)
        # (B, rows, columns, E) where the trunk takes images of many sizes
        mixed = mix(patches.flatten(1, -2)).view_as(patches)
        return self.trunk.norm_pre(self.trunk._pos_embed(mixed))

    @property
    def first_norm(self) -> Any:
        """The norm before the attention of the last block."""
        return self.blocks[-1].norm1

    def last_block(self, x: Tensor) -> Tensor:
        """Return what leaves the last block."""
        return self.blocks[-1](x)

    def pool(self, x: Tensor) -> Tensor:
        """Return the features of what leaves the last block."""
        return self.head(self.trunk.forward_head(self.trunk.norm(x)))


def find_vit(visual: Any) -> OpenClipViT | TimmViT:
    """Take an image encoder of open_clip apart.

    Args:
        visual: Of any kind.

    Raises:
        ValueError: If it cannot have mask prompts, being no plain ViT: its patches must come from
            one convolution and go through its blocks one by one.
    """
    from open_clip.transformer import VisionTransformer

    if isinstance(visual, VisionTransformer):
        return OpenClipViT(visual)
    # after open_clip's own ViT, which needs no timm: it takes long to import
    from timm.layers import PatchEmbed
    from timm.models import VisionTransformer as TimmVisionTransformer

    trunk = getattr(visual, 'trunk', visual)
    if isinstance(trunk, TimmVisionTransformer) and isinstance(trunk.patch_embed, PatchEmbed):
        return TimmViT(visual)
    raise ValueError(
        f'mask prompts need a plain ViT, of single patches, but got {type(trunk).__name__}; '
        'without mask_prompt it can be used as plain CLIP.'
    )


def is_plain_vit(visual: Any) -> bool:
    """Return whether ``find_vit`` can take an image encoder apart."""
    try:
        find_vit(visual)
    except ValueError:
        return False
    return True


def kept_patches(mask: Tensor, patch_size: int | tuple[int, int]) -> Tensor:
    """Mark the patches in which at least one pixel is kept.

    Args:
        mask: 0/1, ``(B, 1, H, W)``; rows and columns left over are dropped, as the patch
            convolution does.
        patch_size: Side of a patch in pixels, or height and width.

    Returns:
        Bool, ``(B, P, 1)``.

    Source:
        ceil(average pooling) of the released mask-adapted CLIP (facts item 17).
    """
    return (F.max_pool2d(mask, patch_size) > 0).flatten(2).transpose(1, 2)


def encode_vit(
    visual: Any,
    images: Tensor,
    mask: Tensor | None = None,
    prompts: Tensor | None = None,
    with_cp: bool = False,
) -> Tensor:
    """Encode images with a ViT; with a mask, prompt tokens replace the patches outside it.

    The first prompt is mixed in right after the patch convolution, before class token, positions
    and ``ln_pre``; each further one after a transformer block. The class token is never touched.

    Args:
        visual: The image encoder of an open_clip model; see ``find_vit``.
        images: Normalised, ``(B, 3, H, W)``.
        mask: 0/1, ``(B, 1, H, W)``, 1 = region; ``None`` encodes all.
        prompts: ``(depth, P, E)``; depth at most the number of blocks. Needed with a mask.
        with_cp: Keep only what goes into each block and run it again for its gradient, which needs
            a fraction of the memory and a third more FLOPs.

    Returns:
        Features, not normalised, ``(B, D)``; without a mask, or with a full one, those of
        ``visual(images)``.

    Raises:
        ValueError: If the encoder is no plain ViT.

    Source:
        Section 4.1 of the paper; model.py of the released third_party/CLIP.
    """
    vit = find_vit(visual)
    mixes: list[Callable[[Tensor], Tensor]] = []
    if mask is not None and prompts is not None:
        keep_BP1 = kept_patches(mask.to(images.dtype), vit.patch_size)
        mixes = [partial(_mix, keep_BP1, prompt) for prompt in prompts]

    def enter(x: Tensor, depth: int) -> Tensor:
        if not 0 < depth < len(mixes):
            return x
        return torch.cat([x[:, : vit.prefix], mixes[depth](x[:, vit.prefix :])], dim=1)

    run = partial(checkpoint, use_reentrant=False) if with_cp else lambda block, x: block(x)
    x = vit.embed(images, mixes[0] if mixes else lambda patches: patches)
    last = len(vit.blocks) - 1
    for depth, block in enumerate(vit.blocks[:last]):
        x = run(block, enter(x, depth))
    return vit.pool(run(vit.last_block, enter(x, last)))


def _mix(keep_BP1: Tensor, prompt_PE: Tensor, x_BPE: Tensor) -> Tensor:
    return torch.where(keep_BP1, x_BPE, prompt_PE.to(x_BPE.dtype))


def fit_prompts(prompts: Tensor, visual: Any, source: str) -> Tensor:
    """Make mask prompts fit an image encoder: those of another input size are interpolated.

    Args:
        prompts: ``(depth, P', E)``.
        visual: The image encoder of an open_clip model.
        source: Where the prompts come from, for messages.

    Returns:
        ``(depth, P, E)``; as they are where P' = P, else a bicubic, antialiased resize of their
        square grid, as open_clip does with positions.

    Raises:
        ValueError: If the encoder is no plain ViT, or the prompts are of another width, deeper
            than its blocks, or no square grid.
    """
    vit = find_vit(visual)
    patches, most, shape = math.prod(vit.grid_size), len(vit.blocks), tuple(prompts.shape)
    if len(shape) != 3 or shape[2] != vit.width or not 1 <= shape[0] <= most:
        raise ValueError(
            f'the mask prompts of {source} must be (depth, {patches}, {vit.width}) for this '
            f'encoder, depth from 1 to {most}, but got {shape}; they belong to another CLIP.'
        )
    if shape[1] == patches:
        return prompts
    side = math.isqrt(shape[1])
    if side**2 != shape[1]:
        raise ValueError(
            f'the mask prompts of {source} must be (depth, {patches}, {vit.width}) for this '
            f'encoder, or of a square grid that can be interpolated, but got {shape}.'
        )
    print_log(
        f'The mask prompts of {source} are interpolated from {side} x {side} patches to '
        f'{vit.grid_size[0]} x {vit.grid_size[1]}.',
        logger='current',
    )
    grid = prompts.unflatten(1, (side, side)).permute(0, 3, 1, 2)
    resized = F.interpolate(grid, vit.grid_size, mode='bicubic', antialias=True)
    return resized.flatten(2).transpose(1, 2)
