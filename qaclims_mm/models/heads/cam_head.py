"""The classification layer whose output, before pooling, is the activation map."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from qaclims_mm.registry import MODELS


@MODELS.register_module()
class CAMHead(BaseModule):
    """A 1x1 convolution without bias, W in eq. 2.

    Args:
        in_channels: Channels of the backbone's feature map.
        num_classes: K, without the background.
        in_index: Which of the backbone's outputs is read.
        init_cfg: As in mmengine's ``BaseModule``.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        in_index: int = -1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_index = in_index
        self.conv = nn.Conv2d(in_channels, num_classes, 1, bias=False)

    def forward(self, features: Tensor | Sequence[Tensor]) -> Tensor:
        """Map features ``(B, C, P, Q)``, or a list of stages, to logits ``(B, K, P, Q)``."""
        x = features if isinstance(features, torch.Tensor) else features[self.in_index]
        return self.conv(x)
