"""FRC, BRC and REG as modules with a weight."""

from torch import Tensor, nn

from qaclims_mm.functional.contrastive import area_regularization, brc_loss, frc_loss
from qaclims_mm.registry import MODELS


class _ContrastiveLoss(nn.Module):
    """What FRC and BRC share.

    Args:
        loss_weight: Factor of the loss.
        temperature: Divides every similarity.
        reduction: ``none``, ``sum`` or ``mean`` over the pairs.
    """

    def __init__(
        self, loss_weight: float = 1.0, temperature: float = 0.7, reduction: str = 'sum'
    ) -> None:
        super().__init__()
        self.loss_weight, self.temperature, self.reduction = loss_weight, temperature, reduction


@MODELS.register_module()
class FRCLoss(_ContrastiveLoss):
    """Eq. 6; see ``functional.contrastive.frc_loss``."""

    def forward(
        self, region: Tensor, fg_text: Tensor, bg_text: Tensor, bg_valid: Tensor | None = None
    ) -> Tensor:
        """Take region (P, D), fg_text (P, D), bg_text (P, N, D) and bg_valid (P, N)."""
        loss = frc_loss(region, fg_text, bg_text, bg_valid, self.temperature, self.reduction)
        return self.loss_weight * loss


@MODELS.register_module()
class BRCLoss(_ContrastiveLoss):
    """Eq. 8; see ``functional.contrastive.brc_loss``.

    Args:
        loss_weight: Factor of the loss.
        temperature: Divides every similarity.
        reduction: ``none``, ``sum`` or ``mean`` over the pairs.
        positive: ``exp_mean`` (eq. 8) or ``mean_exp`` (released code).
    """

    def __init__(
        self,
        loss_weight: float = 1.0,
        temperature: float = 0.7,
        reduction: str = 'sum',
        positive: str = 'exp_mean',
    ) -> None:
        super().__init__(loss_weight, temperature, reduction)
        self.positive = positive

    def forward(
        self, region: Tensor, fg_text: Tensor, bg_text: Tensor, bg_valid: Tensor | None = None
    ) -> Tensor:
        """Take region (P, D), fg_text (P, D), bg_text (P, N, D) and bg_valid (P, N)."""
        loss = brc_loss(
            region, fg_text, bg_text, bg_valid, self.temperature, self.positive, self.reduction
        )
        return self.loss_weight * loss


@MODELS.register_module()
class REGLoss(nn.Module):
    """Eq. 11: the mean activation of all classes.

    Args:
        loss_weight: Factor of the loss.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, cams: Tensor) -> Tensor:
        """Take sigmoid CAMs ``(B, K, P, Q)``."""
        return self.loss_weight * area_regularization(cams)
