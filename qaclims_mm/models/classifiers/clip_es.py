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

    A random walk along the attention of the last blocks refines each map. The walk stays inside the
    bounding boxes of the map's high values.

    Args:
        blocks: Number of last blocks whose attention is averaged; all blocks if there are fewer.
        rounds: Number of rounds that make the attention doubly stochastic.
        steps: Number of steps of the walk.
        box_threshold: Share of a map's peak that a region must reach to get a box.
        **kwargs: As in ``CLIPCAM``. The encoder must be a plain ViT of open_clip.

    Source:
        Lin et al., CLIP is Also an Efficient Segmenter, CVPR 2023, section 3.4. The
        confidence-guided loss of its segmentor is not included.
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
        """Return refined maps; the arguments are those of ``CLIPCAM``."""
        visual = self.image_head.encoder
        seen = watch_blocks(visual, images)
        cams = last_block_grad_cams(visual, seen.tokens[-1], texts, count, self.scale)
        boxes = box_masks(cams.flatten(0, 1), self.box_threshold).view_as(cams)
        attention = seen.attention[:, -self.blocks :].mean(1)
        affinity = attention_affinity(attention, self.rounds, self.steps)
        return refine_by_affinity(cams, affinity, boxes)
