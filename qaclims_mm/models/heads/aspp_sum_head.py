"""DeepLabV2's classifier."""

from collections.abc import Sequence
from typing import Any

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn

from qaclims_mm.registry import MODELS


@MODELS.register_module()
class ASPPSumHead(BaseDecodeHead):
    """Parallel dilated 3x3 convolutions to the classes, summed.

    Args:
        dilations: One a convolution.
        init_cfg: As in mmengine's ``BaseModule``.
        **kwargs: As in mmseg's ``BaseDecodeHead``.

    Source:
        kazuto1011/deeplab-pytorch, libs/models/deeplabv2.py.
    """

    def __init__(
        self,
        dilations: Sequence[int] = (6, 12, 18, 24),
        init_cfg: dict | None = None,
        **kwargs: Any,
    ) -> None:
        init_cfg = init_cfg or dict(type='Normal', layer='Conv2d', std=0.01, bias=0)
        super().__init__(channels=1, init_cfg=init_cfg, **kwargs)
        # the convolutions are the classifier
        del self.conv_seg
        self.convs = nn.ModuleList(
            nn.Conv2d(self.in_channels, self.out_channels, 3, padding=d, dilation=d)
            for d in dilations
        )

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return logits ``(B, classes, h, w)``."""
        x = self._transform_inputs(inputs)
        return sum(conv(x) for conv in self.convs)
