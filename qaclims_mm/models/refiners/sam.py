"""Refinement by the masks that SAM proposes for what the maps show."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qaclims_mm.functional.sam_prompts import choose_masks, find_regions, spread_over_masks
from qaclims_mm.models.predict_only import PredictOnly
from qaclims_mm.registry import MODELS
from qaclims_mm.vlms.segment.sam import SAM


@MODELS.register_module()
class SAMRefiner(PredictOnly):
    """Replaces the parts of maps by SAM's masks where the two agree; nothing is trained.

    Each connected part of a map is shown to SAM by its box and its highest point. Of the three
    masks that come back the one that agrees best with the part gets its peak, unless even that
    agrees too little: then SAM saw something else, and the map stays.

    Args:
        sam: Arguments of ``vlms.sam.SAM``.
        threshold: Share of a map's peak that its parts reach, in (0, 1].
        min_area: Share of the image that a part has at least, in [0, 1].
        max_regions: Parts of a map at most.
        min_iou: IoU with its part from which a mask counts, in [0, 1].
        weight: Share of the masks in the result, in [0, 1].

    Raises:
        ValueError: If an option is out of its range.
    """

    def __init__(
        self,
        sam: dict,
        threshold: float = 0.4,
        min_area: float = 0.001,
        max_regions: int = 8,
        min_iou: float = 0.3,
        weight: float = 0.8,
    ) -> None:
        super().__init__()
        shares = dict(threshold=threshold, min_area=min_area, min_iou=min_iou, weight=weight)
        for name, value in shares.items():
            if not 0 <= value <= 1:
                raise ValueError(f'{name} must be in [0, 1], but got {value}.')
        self.sam = SAM(**sam)
        self.regions: dict[str, Any] = dict(
            threshold=threshold, min_area=min_area, max_regions=max_regions
        )
        self.min_iou, self.weight = min_iou, weight
        self._loaded = False

    @torch.no_grad()
    def predict(self, inputs: Sequence[Sequence[Tensor]], data_samples: Sequence[Any]) -> list[Any]:
        """Add ``refined_maps`` ``(n, H, W)`` in [0, 1].

        Args:
            inputs: For each image a list of one copy, uint8 RGB ``(3, H, W)``.
            data_samples: Have ``cam_high_res``; one with ``failed`` is passed on.
        """
        if not self._loaded:
            self.sam.load(self.data_preprocessor.device)
            self._loaded = True
        for (image, *_), sample in zip(inputs, data_samples, strict=True):
            if not sample.get('failed'):
                maps = sample.cam_high_res.to(self.data_preprocessor.device)
                sample.set_field(self._refine(image, maps), 'refined_maps')
        return list(data_samples)

    def _refine(self, image: Tensor, maps: Tensor) -> Tensor:
        regions = find_regions(maps, **self.regions) if len(maps) else None
        if regions is None or not len(regions.maps):
            return maps
        pixels = np.ascontiguousarray(image.cpu().numpy().transpose(1, 2, 0))
        proposals, quality = self.sam(pixels, regions.boxes, regions.points)
        masks, iou = choose_masks(proposals, quality, regions.masks)
        return spread_over_masks(maps, regions, masks, iou >= self.min_iou, self.weight)
