"""CLIP-ES: maps of a frozen CLIP, refined by its own attention.

Shapes: B images, P present classes, T texts, D embedding, p q patches.
"""

from typing import Any

from torch import Tensor

from qaclims_mm.functional.attention import (
    attention_affinity,
    box_masks,
    refine_by_affinity,
)
from qaclims_mm.models.classifiers.clip_cam import CLIPCAM
from qaclims_mm.registry import MODELS
from qaclims_mm.vlms.clip.attention import watch_blocks
from qaclims_mm.vlms.clip.grad_cam import last_block_grad_cams


@MODELS.register_module()
class CLIPES(CLIPCAM):
    """``CLIPCAM`` with class-aware attention-based affinity.

    A map walks along the attention of the last blocks, inside the boxes of what it shows.

    Args:
        blocks: Last blocks whose attention is averaged; all, where there are fewer.
        rounds: Rounds that make the attention doubly stochastic.
        steps: Steps of the walk.
        box_threshold: Share of a map's peak above which its parts have boxes.
        **kwargs: As in ``CLIPCAM``. The encoder must be a ViT of open_clip's own.

    Source:
        Lin et al., CLIP is Also an Efficient Segmenter, CVPR 2023, section 3.4. The
        confidence-guided loss of its segmentor is not part of it.
    """

    def __init__(
        self,
        blocks: int = 8,
        rounds: int = 3,
        steps: int = 2,
        box_threshold: float = 0.4,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.blocks, self.rounds, self.steps = blocks, rounds, steps
        self.box_threshold = box_threshold

    def text_maps(self, images: Tensor, texts: Tensor, count: int) -> Tensor:
        """Return refined maps; as in ``CLIPCAM``."""
        visual = self.image_head.encoder
        seen = watch_blocks(visual, images)
        cams = last_block_grad_cams(visual, seen.tokens[-1], texts, count, self.scale)
        boxes = box_masks(cams.flatten(0, 1), self.box_threshold).view_as(cams)
        attention = seen.attention[:, -self.blocks :].mean(1)
        affinity = attention_affinity(attention, self.rounds, self.steps)
        return refine_by_affinity(cams, affinity, boxes)
