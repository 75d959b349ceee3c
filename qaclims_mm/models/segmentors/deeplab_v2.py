"""DeepLabV2 with its pyramid of input scales.

Shapes: B images, N classes with the background, H W pixels.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from mmengine.structures import PixelData
from mmseg.models import EncoderDecoder
from mmseg.structures import SegDataSample
from torch import Tensor
from torch.nn import functional as F

from qaclims_mm.errors import ConfigError
from qaclims_mm.models.max_pool import speed_up_max_pool
from qaclims_mm.registry import MODELS


@MODELS.register_module()
class MultiScaleFusion(EncoderDecoder):
    """An mmseg segmentor whose logits are the highest of several input scales.

    In training each scale and their maximum have the losses of ``decode_head``, against masks that
    are resized to the logits. The auxiliary heads have mmseg's own losses at each scale.

    Args:
        scales: Further scales beside 1; with none it is a plain segmentor.
        **kwargs: As in mmseg's ``EncoderDecoder``. ``decode_head`` must give one map of logits.

    Source:
        kazuto1011/deeplab-pytorch, libs/models/msc.py and main.py.
    """

    def __init__(self, *args: Any, scales: Sequence[float] = (0.5, 0.75), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        speed_up_max_pool(self.backbone)
        self.scales = tuple(scales)

    def pyramid(self, inputs: Tensor) -> list[Tensor]:
        """Return the logits at scale 1, at each further scale, and the highest of all of them."""
        return self._with_highest([self._logits(x) for x in self._features(inputs)])

    def _features(self, inputs: Tensor) -> Iterator[Sequence[Tensor]]:
        """Yield the features at scale 1 and at each further scale."""
        yield self.extract_feat(inputs)
        for scale in self.scales:
            yield self.extract_feat(
                F.interpolate(inputs, scale_factor=scale, mode='bilinear', align_corners=False)
            )

    def _logits(self, features: Sequence[Tensor]) -> Tensor:
        logits = self.decode_head(features)
        if not isinstance(logits, Tensor):
            raise ConfigError(
                f'{type(self).__name__} needs a decode_head that gives one map of logits, but '
                f'{type(self.decode_head).__name__} gives {len(logits)}; use it in an '
                'EncoderDecoder or as auxiliary_head.'
            )
        return logits

    def _with_highest(self, logits: list[Tensor]) -> list[Tensor]:
        """Return the logits of the scales and, if there are several, the highest of all."""
        if not self.scales:
            return logits
        size = logits[0].shape[-2:]
        resized = [
            F.interpolate(x, size=size, mode='bilinear', align_corners=False) for x in logits
        ]
        return [*logits, torch.stack(resized).amax(0)]

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Return the fused logits at the inputs' size, ``(B, N, H, W)``."""
        return F.interpolate(
            self.pyramid(inputs)[-1],
            size=inputs.shape[-2:],
            mode='bilinear',
            align_corners=self.align_corners,
        )

    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """Return the losses of all heads at each scale, and those of the fused logits.

        At scale 1 they have mmseg's names, ``decode.loss_ce`` and ``aux.loss_ce``; at the others
        the scale stands before the name, ``x0.5.decode.loss_ce``, and ``max`` before the fused.
        """
        prefixes = ['', *(f'x{scale:g}.' for scale in self.scales), 'max.']
        logits, auxiliary = [], []
        for features in self._features(inputs):
            logits.append(self._logits(features))
            auxiliary.append(
                self._auxiliary_head_forward_train(features, data_samples)
                if self.with_auxiliary_head
                else {}
            )
        masks = torch.stack([s.gt_sem_seg.data for s in data_samples]).float()
        losses: dict[str, Tensor] = {}
        # without further scales there are no fused logits; those have no auxiliary losses
        for prefix, scores in zip(prefixes, self._with_highest(logits), strict=False):
            found = self.decode_head.loss_by_feat(scores, _shrunk(masks, scores.shape[-2:]))
            losses |= {f'{prefix}decode.{name}': value for name, value in found.items()}
        for prefix, found in zip(prefixes, auxiliary, strict=False):
            losses |= {f'{prefix}{name}': value for name, value in found.items()}
        return losses


def _shrunk(masks: Tensor, size: Sequence[int]) -> list[SegDataSample]:
    """Return samples with masks ``(B, 1, H, W)`` resized to a map of logits."""
    small = F.interpolate(masks, size=tuple(size), mode='nearest-exact').long()
    return [SegDataSample(gt_sem_seg=PixelData(data=mask)) for mask in small]


@MODELS.register_module()
class DeepLabV2(MultiScaleFusion):
    """DeepLabV2: a dilated backbone, an ``ASPPSumHead`` and the pyramid."""
