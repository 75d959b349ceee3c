"""DeepLabV2 with its pyramid of input scales.

Shapes: B images, N classes with the background, H W pixels.
"""

from collections.abc import Sequence
from typing import Any

import torch
from mmseg.models import EncoderDecoder
from torch import Tensor
from torch.nn import functional as F

from qaclims_mm.registry import MODELS


@MODELS.register_module()
class MultiScaleFusion(EncoderDecoder):
    """An mmseg segmentor whose logits are the highest of several input scales.

    In training each scale and their maximum have a loss of their own, against masks of the logits'
    size.

    Args:
        scales: Further scales beside 1; with none it is a plain segmentor.
        **kwargs: As in mmseg's ``EncoderDecoder``.

    Source:
        kazuto1011/deeplab-pytorch, libs/models/msc.py and main.py.
    """

    def __init__(self, *args: Any, scales: Sequence[float] = (0.5, 0.75), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scales = tuple(scales)

    def pyramid(self, inputs: Tensor) -> list[Tensor]:
        """Return the logits at scale 1, at each further scale, and the highest of all of them."""
        logits = [self._logits(inputs)]
        if not self.scales:
            return logits
        for scale in self.scales:
            small = F.interpolate(inputs, scale_factor=scale, mode='bilinear', align_corners=False)
            logits.append(self._logits(small))
        size = logits[0].shape[-2:]
        resized = [
            F.interpolate(x, size=size, mode='bilinear', align_corners=False) for x in logits
        ]
        return [*logits, torch.stack(resized).amax(0)]

    def _logits(self, inputs: Tensor) -> Tensor:
        return self.decode_head(self.extract_feat(inputs))

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Return the fused logits at the inputs' size, ``(B, N, H, W)``."""
        return F.interpolate(
            self.pyramid(inputs)[-1],
            size=inputs.shape[-2:],
            mode='bilinear',
            align_corners=self.align_corners,
        )

    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """Return the loss of each scale (``loss_ce_1``, ``loss_ce_0.5``, ...) and of ``max``."""
        masks = torch.stack([s.gt_sem_seg.data for s in data_samples]).float()
        names = [f'{scale:g}' for scale in (1, *self.scales)] + ['max'] * bool(self.scales)
        losses = {}
        for name, logits in zip(names, self.pyramid(inputs), strict=True):
            mask = F.interpolate(masks, size=logits.shape[-2:], mode='nearest-exact')[:, 0].long()
            losses[f'loss_ce_{name}'] = self.decode_head.loss_decode(
                logits, mask, ignore_index=self.decode_head.ignore_index
            )
        return losses


@MODELS.register_module()
class DeepLabV2(MultiScaleFusion):
    """DeepLabV2: a dilated backbone, an ``ASPPSumHead`` and the pyramid."""
