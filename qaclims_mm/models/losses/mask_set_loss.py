"""The loss of segmentors that predict a set of masks."""

from collections.abc import Sequence

from torch import Tensor, nn

from qaclims_mm.functional.segment_losses import CostWeights, Segments, set_losses
from qaclims_mm.registry import MODELS


@MODELS.register_module()
class MaskSetLoss(nn.Module):
    """Cross entropy of classes, cross entropy and Dice of masks, of queries that are matched.

    Unlike the loss of Mask2Former it takes all cells of the predicted masks instead of a sample of
    points, and unknown pixels count nowhere.

    Args:
        class_weight: Factor of the class loss, in the matching too.
        mask_weight: Factor of the cross entropy of masks, in the matching too.
        dice_weight: Factor of the Dice loss, in the matching too.
        no_object_weight: Weight of a query without segment, where a matched one has 1.
        balanced: Whether background and foreground weigh the same, as in
            ``BalancedCrossEntropyLoss``; see ``functional.segment_losses.set_losses``.

    Source:
        Losses and factors of Mask2Former (Cheng et al., CVPR 2022), which EoMT uses as well.
    """

    def __init__(
        self,
        class_weight: float = 2.0,
        mask_weight: float = 5.0,
        dice_weight: float = 5.0,
        no_object_weight: float = 0.1,
        balanced: bool = True,
    ) -> None:
        super().__init__()
        self.factors = CostWeights(class_weight, mask_weight, dice_weight)
        self.no_object_weight, self.balanced = no_object_weight, balanced

    def forward(
        self, class_logits: Tensor, mask_logits: Tensor, segments: Sequence[Segments]
    ) -> dict[str, Tensor]:
        """Return ``loss_cls``, ``loss_mask`` and ``loss_dice``.

        Args:
            class_logits: ``(B, Q, N + 1)``, the last is no object.
            mask_logits: ``(B, Q, h, w)``.
            segments: Of each image, at the size of the masks.
        """
        return set_losses(
            class_logits,
            mask_logits,
            list(segments),
            self.factors,
            self.no_object_weight,
            self.balanced,
        )
