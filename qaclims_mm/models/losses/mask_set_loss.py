"""The loss of segmentors that predict a set of masks."""

from collections.abc import Sequence

from torch import Tensor, nn

from qaclims_mm.errors import ConfigError
from qaclims_mm.functional.segment_losses import CostWeights, Segments, SetLoss, set_losses
from qaclims_mm.registry import MODELS


@MODELS.register_module()
class MaskSetLoss(nn.Module):
    """Class and mask losses of queries that are matched with segments.

    The class loss is the cross entropy. The mask losses are the cross entropy and the Dice loss.
    Mask2Former samples points of the masks. This loss takes all cells of the predicted masks, and
    ignores unknown pixels.

    Args:
        class_weight: Factor of the class loss, in the loss and in the matching.
        mask_weight: Factor of the cross entropy of masks, in the loss and in the matching.
        dice_weight: Factor of the Dice loss, in the loss and in the matching.
        no_object_weight: Weight of a query without a segment; a matched query has the weight 1.
        balanced: Whether background and foreground have the same weight, as in
            ``BalancedCrossEntropyLoss``; see ``functional.segment_losses.SetLoss``.
        matching: ``best`` gives each segment the query that fits it best. ``fixed`` gives it the
            query with the number of its class, which learns faster.

    Raises:
        ValueError: If the matching is unknown.

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
        matching: str = 'best',
    ) -> None:
        super().__init__()
        if matching not in ('best', 'fixed'):
            raise ValueError(f"matching must be 'best' or 'fixed', but got {matching!r}.")
        factors = CostWeights(class_weight, mask_weight, dice_weight)
        self.options = SetLoss(factors, no_object_weight, balanced, matching == 'fixed')

    def forward(
        self, class_logits: Tensor, mask_logits: Tensor, segments: Sequence[Segments]
    ) -> dict[str, Tensor]:
        """Return ``loss_cls``, ``loss_mask`` and ``loss_dice``.

        Args:
            class_logits: Class logits ``(B, Q, N + 1)``; the last class is "no object".
            mask_logits: Mask logits ``(B, Q, h, w)``.
            segments: Segments of each image, at the size of the masks.

        Raises:
            ConfigError: If the matching is fixed and a class has no query.
        """
        queries, classes = class_logits.shape[1], class_logits.shape[2] - 1
        if self.options.fixed and queries < classes:
            raise ConfigError(
                f'with matching="fixed" each of {classes} classes needs a query, but the number of '
                f'queries is {queries}; set decode_head.num_queries={classes}.'
            )
        return set_losses(class_logits, mask_logits, list(segments), self.options)
