"""A light decoder on the features of all blocks of a frozen ViT.

Shapes: B images, p q patches, E token width, C channels, N classes with the background.
"""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from qaclims_mm.registry import MODELS
from qaclims_mm.schemas.names import counted
from qaclims_mm.vlms.clip.quick_gelu import FastQuickGELU


@MODELS.register_module()
class FrozenFeatureHead(BaseModule):
    """Two linear layers per block, a 1x1 convolution over all blocks, and a small transformer.

    Args:
        in_channels: Width of the tokens, E.
        num_blocks: Number of feature maps.
        num_classes: Number of classes with the background, N.
        channels: Number of channels, C.
        num_layers: Number of layers of the transformer.
        num_heads: Number of attention heads of the transformer.
        dropout: Share of the fused channels that a training step drops.
        init_cfg: As in mmengine's ``BaseModule``.

    Source:
        Zhang et al., Frozen CLIP: A Strong Backbone for Weakly Supervised Semantic Segmentation,
        CVPR 2024, section 3.3; numbers of the released code.
    """

    def __init__(
        self,
        in_channels: int,
        num_blocks: int,
        num_classes: int,
        channels: int = 256,
        num_layers: int = 3,
        num_heads: int = 8,
        dropout: float = 0.1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.embeds = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(in_channels, channels, 1), nn.ReLU(), nn.Conv2d(channels, channels, 1)
            )
            for _ in range(num_blocks)
        )
        self.fuse = nn.Conv2d(channels * num_blocks, channels, 1)
        self.dropout = nn.Dropout2d(dropout)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                channels,
                num_heads,
                dim_feedforward=4 * channels,
                dropout=0.0,
                activation=FastQuickGELU(),
                batch_first=True,
                norm_first=True,
            )
            for _ in range(num_layers)
        )
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return logits and the fused features behind them.

        Args:
            features: Feature map of each block, ``(B, E, p, q)``.

        Returns:
            Logits ``(B, N, p, q)`` and features ``(B, C, p, q)``.

        Raises:
            ValueError: If the number of feature maps is not ``num_blocks``.
        """
        if len(features) != len(self.embeds):
            raise ValueError(
                f'the decoder is for {counted(len(self.embeds), "feature map")}, but got '
                f'{len(features)}; set num_blocks={len(features)}.'
            )
        embedded = [embed(x) for embed, x in zip(self.embeds, features, strict=True)]
        fused = self.dropout(self.fuse(torch.cat(embedded, 1)))
        x = fused.flatten(2).transpose(1, 2)
        for layer in self.layers:
            x = layer(x)
        return self.classify(x.transpose(1, 2).unflatten(2, fused.shape[2:])), fused
