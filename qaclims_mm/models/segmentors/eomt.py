"""EoMT: a ViT that segments with queries among its own tokens.

Shapes: B images, C channels, S tokens.
"""

from functools import partial
from typing import Any

import torch
from mmseg.models import EncoderDecoder
from torch import Tensor
from torch.nn import functional as F

from qaclims_mm.errors import ConfigError
from qaclims_mm.models.heads.eomt_head import EoMTHead
from qaclims_mm.models.heads.mask_set_head import Prediction
from qaclims_mm.models.training_share import training_share
from qaclims_mm.registry import MODELS
from qaclims_mm.schemas.names import counted


@MODELS.register_module()
class EoMT(EncoderDecoder):
    """An encoder-only mask transformer: any ViT of timm, with queries in its last blocks.

    In training, a query in one of these blocks sees only the patches of the mask that it predicts
    before the block. This restriction is removed block by block, each over an equal part of the
    run. A trained network therefore needs no masks inside and is as fast as its ViT.

    Args:
        num_blocks: Number of last blocks that see the queries.
        **kwargs: As in mmseg's ``EncoderDecoder``; ``backbone`` is a ``TimmFeatures`` of a ViT and
            ``decode_head`` an ``EoMTHead``. Images are resized to whole patches.

    Raises:
        ConfigError: If the backbone is not a ViT or has fewer blocks, or if the head is not an
            ``EoMTHead``.

    Source:
        tue-mps/eomt, models/eomt.py (Kerssies et al., CVPR 2025).
    """

    def __init__(self, *args: Any, num_blocks: int = 4, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        blocks = getattr(getattr(self.backbone, 'network', None), 'blocks', ())
        if not 0 < num_blocks <= len(blocks) or not isinstance(self.decode_head, EoMTHead):
            raise ConfigError(
                f'EoMT needs a TimmFeatures of a ViT with at least {counted(num_blocks, "block")} '
                f'and an EoMTHead, but got {type(self.backbone).__name__} with '
                f'{counted(len(blocks), "block")} and {type(self.decode_head).__name__}.'
            )
        if self.with_auxiliary_head:
            raise ConfigError('EoMT has no features for auxiliary heads; remove auxiliary_head.')
        self.num_blocks = num_blocks
        self._grid: tuple[int, int] = (0, 0)
        self._predictions: list[Prediction] = []
        for i, block in enumerate(blocks[-num_blocks:]):
            block.register_forward_pre_hook(partial(self._before_block, i), with_kwargs=True)
            # rotary embeddings turn what comes after these
            if hasattr(block.attn, 'num_prefix_tokens'):
                block.attn.num_prefix_tokens += self.decode_head.queries.num_embeddings

    def extract_feat(self, inputs: Tensor) -> list[Prediction]:
        """Return the predictions of normalised images ``(B, 3, H, W)``, the final one last.

        In training, the predictions before each block with queries come first.
        """
        side = self.backbone.network.patch_embed.patch_size
        rows, columns = ((n + s - 1) // s for n, s in zip(inputs.shape[-2:], side, strict=True))
        self._grid = rows, columns
        # always, since an exporter cannot trace a condition on the size
        size = (rows * side[0], columns * side[1])
        inputs = F.interpolate(inputs, size=size, mode='bilinear', align_corners=False)
        self._predictions = []
        tokens = self.backbone.network.forward_features(inputs)
        predictions, self._predictions = self._predictions, []
        return [*predictions, self._read(tokens)]

    def _read(self, tokens: Tensor) -> Prediction:
        """Return classes and masks of normalised tokens ``(B, S, C)``, queries first."""
        queries = self.decode_head.queries.num_embeddings
        patches = tokens[:, queries + self.backbone.network.num_prefix_tokens :]
        features = patches.transpose(1, 2).unflatten(2, self._grid)
        return self.decode_head.read(tokens[:, :queries], features)

    def _before_block(
        self, number: int, _: Any, args: tuple[Any, ...], options: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Put the queries before the tokens and, in training, restrict what they see."""
        tokens, *others = args
        if number == 0:
            queries = self.decode_head.queries.weight.expand(tokens.shape[0], -1, -1)
            tokens = torch.cat([queries.to(tokens.dtype), tokens], dim=1)
        if self.training:
            self._predictions.append(self._read(self.backbone.network.norm(tokens)))
            options = options | dict(attn_mask=self._visible(number, tokens.shape[1]))
        return (tokens, *others), options

    @torch.no_grad()
    def _visible(self, number: int, tokens: int) -> Tensor:
        """Return the attention mask, bool ``(B, 1, S, S)``: which token (row) sees which (column).

        The mask of a query is applied with a probability that falls from 1 to 0 over the run.
        """
        masks = self._predictions[-1][1]
        small = F.interpolate(masks.float(), size=self._grid, mode='bilinear', align_corners=False)
        seen = small.flatten(2) > 0
        chance = mask_probability(number, self.num_blocks, training_share())
        free = torch.rand(seen.shape[:2], device=seen.device) >= chance
        visible = seen.new_ones(len(seen), 1, tokens, tokens)
        visible[:, 0, : seen.shape[1], -seen.shape[2] :] = seen | free[..., None]
        return visible


def mask_probability(block: int, blocks: int, progress: float) -> float:
    """Return the probability with which a block restricts a query to its mask.

    Args:
        block: Index of the block among those with queries, from 0.
        blocks: Number of blocks with queries.
        progress: Finished share of the training, in [0, 1].

    Returns:
        1 before the block's part of the run, then a value that falls to 0 at the end of this part.

    Source:
        Polynomial of power 0.9 and six equal parts for four blocks, as EoMT's configs have them.
    """
    part = progress * (blocks + 2) - (block + 1)
    return (1 - min(max(part, 0.0), 1.0)) ** 0.9
