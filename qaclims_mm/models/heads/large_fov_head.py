"""DeepLabV1's classifier."""

from collections.abc import Sequence
from typing import Any

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn

from qaclims_mm.registry import MODELS


@MODELS.register_module()
class LargeFOVHead(BaseDecodeHead):
    """A widely dilated 3x3 convolution and a 1x1 one, normalised, before the classifier.

    Args:
        dilation: Of the 3x3 convolution.
        bn_momentum: How fast the normalisations' statistics move.
        **kwargs: As in mmseg's ``BaseDecodeHead``; ``channels`` are those between.

    Source:
        YudeWang/semantic-segmentation-codebase (facts/segmentation-recipes.md, 7b).
    """

    def __init__(self, dilation: int = 12, bn_momentum: float = 3e-4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.convs = nn.Sequential(
            nn.Conv2d(
                self.in_channels,
                self.channels,
                3,
                padding=dilation,
                dilation=dilation,
                bias=False,
            ),
            nn.BatchNorm2d(self.channels, momentum=bn_momentum),
            nn.ReLU(),
            nn.Conv2d(self.channels, self.channels, 1, bias=False),
            nn.BatchNorm2d(self.channels, momentum=bn_momentum),
            nn.ReLU(),
        )

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return logits ``(B, classes, h, w)``."""
        return self.cls_seg(self.convs(self._transform_inputs(inputs)))
