"""The losses of CLIMS as modules with a weight; its fourth, the area term, is ``REGLoss``."""

from torch import Tensor, nn

from qaclims_mm.functional.clims import (
    background_suppression,
    background_text_matching,
    object_text_matching,
)
from qaclims_mm.registry import MODELS


@MODELS.register_module()
class OTMLoss(nn.Module):
    """Object region and text label matching; see ``functional.clims.object_text_matching``.

    Args:
        loss_weight: Factor of the loss.
        reduction: ``none``, ``sum`` or ``mean`` over the pairs.
    """

    def __init__(self, loss_weight: float = 1.0, reduction: str = 'mean') -> None:
        super().__init__()
        self.loss_weight, self.reduction = loss_weight, reduction

    def forward(self, region: Tensor, text: Tensor) -> Tensor:
        """Take features of foreground regions (P, D) and their class texts (P, D)."""
        return self.loss_weight * object_text_matching(region, text, self.reduction)


@MODELS.register_module()
class BTMLoss(nn.Module):
    """Background region and text label matching; see ``functional.clims``.

    Args:
        loss_weight: Factor of the loss.
        reduction: ``none``, ``sum`` or ``mean`` over the pairs.
    """

    def __init__(self, loss_weight: float = 1.0, reduction: str = 'mean') -> None:
        super().__init__()
        self.loss_weight, self.reduction = loss_weight, reduction

    def forward(self, region: Tensor, text: Tensor) -> Tensor:
        """Take features of background regions (P, D) and the class texts (P, D)."""
        return self.loss_weight * background_text_matching(region, text, self.reduction)


@MODELS.register_module()
class CBSLoss(nn.Module):
    """Co-occurring background suppression; see ``functional.clims.background_suppression``.

    Args:
        loss_weight: Factor of the loss.
        threshold: Cosine above which a background text counts.
        reduction: ``none``, ``sum`` or ``mean`` over the pairs.
    """

    def __init__(
        self, loss_weight: float = 1.0, threshold: float = 0.26, reduction: str = 'sum'
    ) -> None:
        super().__init__()
        self.loss_weight, self.threshold, self.reduction = loss_weight, threshold, reduction

    def forward(self, region: Tensor, bg_text: Tensor, bg_valid: Tensor | None = None) -> Tensor:
        """Take features of foreground regions (P, D), bg_text (P, N, D) and bg_valid (P, N)."""
        loss = background_suppression(region, bg_text, bg_valid, self.threshold, self.reduction)
        return self.loss_weight * loss
