"""Read the attention maps and the features of all blocks of the ViT of a CLIP.

Shapes: B images, L blocks, P patches, E token width.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from qaclims_mm.vlms.clip.mask_prompt import OpenClipViT, find_vit, is_plain_vit


class BlockOutputs(NamedTuple):
    """The outputs of the blocks of a ViT.

    Attributes:
        tokens: Outputs of each block except the last, L - 1 tensors ``(B, 1 + P, E)``, the class
            token first.
        attention: Attention from each patch (row) to each patch (column), mean over the heads,
            float32 ``(B, L, P, P)``. The class token is left out, so rows sum to less than 1.
        grid_size: Number of rows and columns of patches.
    """

    tokens: list[Tensor]
    attention: Tensor
    grid_size: tuple[int, int]

    def feature_maps(self) -> list[Tensor]:
        """Return the patches of ``tokens`` as maps, float32 ``(B, E, rows, columns)`` each."""
        return [x[:, 1:].transpose(1, 2).unflatten(2, self.grid_size).float() for x in self.tokens]


@torch.no_grad()
def watch_blocks(visual: Any, images: Tensor) -> BlockOutputs:
    """Run the blocks of an image encoder and keep their attention.

    Args:
        visual: Image encoder of an open_clip model.
        images: Normalised images of the size of the encoder's input, ``(B, 3, H, W)``.

    Raises:
        ValueError: If the encoder is not a ViT of open_clip with plain blocks.
    """
    vit = find_vit(visual) if is_plain_vit(visual) else None
    if not isinstance(vit, OpenClipViT) or not vit.has_plain_blocks:
        kind = type(getattr(visual, 'trunk', visual)).__name__
        raise ValueError(
            f'attention maps need a plain ViT of open_clip, but got {kind}; use a CLIPImageHead of '
            'such a model, for example ViT-B-16.'
        )
    x = vit.embed(images.to(next(visual.parameters()).dtype), lambda patches: patches)
    tokens, attention = [], []
    for block in vit.blocks:
        x, weights = vit.attend(block, x)
        tokens.append(x)
        attention.append(weights[:, vit.prefix :, vit.prefix :].float())
    return BlockOutputs(tokens[:-1], torch.stack(attention, 1), tuple(vit.grid_size))
