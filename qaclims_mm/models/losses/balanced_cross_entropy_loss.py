"""The loss of weakly supervised segmentors whose background is large."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from qaclims_mm.registry import MODELS
from qaclims_mm.schemas import IGNORE_INDEX


@MODELS.register_module()
class BalancedCrossEntropyLoss(nn.Module):
    """Cross entropy whose background and foreground pixels have one mean each.

    Half the mean over pixels of class 0 plus half that over all others; if one of them is absent,
    the other's mean; if both are, 0.

    Args:
        loss_weight: Factor of the loss.
        loss_name: Name in the log; mmseg adds up what begins with ``loss_``.

    Source:
        Seeding loss of DSRG as weakly supervised methods use it (AdvCAM issue 9, CLIP-ES issue 7).
    """

    def __init__(self, loss_weight: float = 1.0, loss_name: str = 'loss_balanced_ce') -> None:
        super().__init__()
        self.loss_weight, self.loss_name = loss_weight, loss_name

    def forward(
        self,
        cls_score: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        ignore_index: int = IGNORE_INDEX,
        **_: Any,
    ) -> Tensor:
        """Return the loss in nats.

        Args:
            cls_score: Logits, ``(B, N, H, W)``.
            label: Classes, int64 ``(B, H, W)``.
            weight: Factor of each pixel, ``(B, H, W)``.
            ignore_index: Label of pixels that do not count.
            **_: What mmseg passes to all losses.
        """
        pixels = F.cross_entropy(
            cls_score.float(), label, reduction='none', ignore_index=ignore_index
        )
        if weight is not None:
            pixels = pixels * weight
        parts = torch.stack([label == 0, (label != 0) & (label != ignore_index)]).float()
        counts = parts.sum((1, 2, 3))
        means = (parts * pixels).sum((1, 2, 3)) / counts.clamp(min=1)
        present = (counts > 0).float()
        return self.loss_weight * means.sum() / present.sum().clamp(min=1)
