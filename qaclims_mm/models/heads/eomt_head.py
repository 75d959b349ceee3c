"""The head of EoMT.

Shapes: B images, Q queries, C channels, p q cells of a map of patches, h w cells of the masks.
"""

from typing import Any

import torch
from torch import Tensor, nn

from qaclims_mm.models.heads.mask_set_head import MaskSetHead, Prediction
from qaclims_mm.registry import MODELS


@MODELS.register_module()
class EoMTHead(MaskSetHead):
    """The queries of an encoder-only mask transformer, and the layers that read classes and masks.

    Args:
        in_channels: Width of the ViT.
        num_classes: Number of classes with the background.
        num_queries: Number of predicted masks.
        upscalings: Number of times that the feature map of the ViT is doubled in size before the
            masks are read. With patches of 16 pixels, two give masks of a quarter of the image.
        **kwargs: As in ``MaskSetHead``.

    Source:
        tue-mps/eomt, models/eomt.py (Kerssies et al., CVPR 2025).
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        num_queries: int = 100,
        upscalings: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, in_channels=in_channels, **kwargs)
        self.queries = nn.Embedding(num_queries, in_channels)
        self.class_layer = nn.Linear(in_channels, num_classes + 1)
        self.mask_layers = nn.Sequential(
            nn.Linear(in_channels, in_channels),
            nn.GELU(),
            nn.Linear(in_channels, in_channels),
            nn.GELU(),
            nn.Linear(in_channels, in_channels),
        )
        self.upscale = nn.Sequential(*(_Doubled(in_channels) for _ in range(upscalings)))

    def read(self, queries: Tensor, features: Tensor) -> Prediction:
        """Return the classes and masks of queries.

        Args:
            queries: Query tokens, ``(B, Q, C)``.
            features: Feature map of the patches, ``(B, C, p, q)``.
        """
        masks = torch.einsum('bqc,bchw->bqhw', self.mask_layers(queries), self.upscale(features))
        return self.class_layer(queries), masks


class _Doubled(nn.Module):
    """Doubles the sides of a map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.transposed = nn.ConvTranspose2d(channels, channels, 2, stride=2)
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, h, w)`` to ``(B, C, 2h, 2w)``."""
        x = self.depthwise(nn.functional.gelu(self.transposed(x)))
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
