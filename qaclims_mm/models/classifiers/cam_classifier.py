"""The baseline: a multi-label classifier, whose maps are the conventional CAMs."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from qaclims_mm.models.classifiers.cam_network import CAMNetwork, stack_labels
from qaclims_mm.registry import MODELS


@MODELS.register_module()
class CAMClassifier(CAMNetwork):
    """Trained with image-level labels alone; RITC starts from its weights.

    Source:
        train_cam.py of the released code (soft-margin loss on the mean of the logits).
    """

    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """Return ``loss_cls``: soft-margin loss in nats, mean over classes and images."""
        scores = self.logits(inputs).mean(dim=(-2, -1))
        return dict(
            loss_cls=F.multilabel_soft_margin_loss(scores.float(), stack_labels(data_samples))
        )
