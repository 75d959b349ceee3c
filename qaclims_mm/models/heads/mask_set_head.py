"""The head of segmentors that predict a set of masks, each with its own class.

Shapes: B images, Q queries, N classes with the background, h w cells of the masks.
"""

from collections.abc import Sequence
from typing import Any

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.losses import accuracy
from mmseg.models.utils import resize
from torch import Tensor

from qaclims_mm.errors import ConfigError
from qaclims_mm.functional.segment_losses import segments_of, semantic_logits
from qaclims_mm.registry import MODELS
from qaclims_mm.schemas.names import counted

# class logits (B, Q, N + 1) and mask logits (B, Q, h, w)
Prediction = tuple[Tensor, Tensor]


@MODELS.register_module()
class MaskSetHead(BaseDecodeHead):
    """Turns sets of masks into losses, and one set into a semantic mask.

    The head has no parameters; its inputs are predictions of queries. In training, each prediction
    has its own losses. When an image is segmented, only the last prediction counts.

    Args:
        num_classes: Number of classes with the background.
        loss_decode: Config of a ``MaskSetLoss``.
        **kwargs: As in mmseg's ``BaseDecodeHead``.
    """

    def __init__(self, num_classes: int, loss_decode: dict | None = None, **kwargs: Any) -> None:
        kwargs = dict(in_channels=1, channels=1, dropout_ratio=0) | kwargs
        loss_decode = loss_decode or dict(type='MaskSetLoss')
        super().__init__(num_classes=num_classes, loss_decode=loss_decode, **kwargs)
        # the queries are the classifier
        del self.conv_seg
        self.init_cfg = kwargs.get('init_cfg')

    def forward(self, inputs: Sequence[Prediction]) -> Tensor:
        """Return the logits of the last prediction, ``(B, N, h, w)``.

        Raises:
            ConfigError: If the queries have another number of classes.
        """
        classes, masks = inputs[-1]
        if classes.shape[-1] != self.num_classes + 1:
            raise ConfigError(
                f'decode_head.num_classes is {self.num_classes}, but the queries have '
                f'{counted(classes.shape[-1] - 1, "class")}; give both the same number.'
            )
        return semantic_logits(classes, masks)

    def loss(
        self, inputs: Sequence[Prediction], batch_data_samples: Sequence[Any], train_cfg: Any = None
    ) -> dict[str, Tensor]:
        """Return the losses of every prediction.

        The losses of the last prediction have the names of ``MaskSetLoss``. The names of the others
        begin with ``d0.``, ``d1.`` and so on.

        Args:
            inputs: Predictions, in the order of the layers.
            batch_data_samples: Have ``gt_sem_seg``.
            train_cfg: Not used; mmseg passes it.
        """
        labels = self._stack_batch_gt(batch_data_samples).squeeze(1)
        height, width = inputs[-1][1].shape[-2:]
        segments = [segments_of(label, (height, width), self.ignore_index) for label in labels]
        losses: dict[str, Tensor] = {}
        for i, (classes, masks) in enumerate(inputs):
            prefix = f'd{i}.' if i < len(inputs) - 1 else ''
            found = self.loss_decode(classes, masks, segments)
            losses |= {f'{prefix}{name}': value for name, value in found.items()}
        with torch.no_grad():
            scores = resize(self(inputs), size=labels.shape[-2:], mode='bilinear')
            losses['acc_seg'] = accuracy(scores, labels, ignore_index=self.ignore_index)
        return losses
