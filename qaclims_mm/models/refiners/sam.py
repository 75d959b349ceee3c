"""Refinement by the masks that SAM proposes for the parts of maps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qaclims_mm.errors import ConfigError
from qaclims_mm.functional.sam_prompts import choose_masks, find_regions, spread_over_masks
from qaclims_mm.models.predict_only import PredictOnly
from qaclims_mm.ranges import check_shares, check_whole
from qaclims_mm.registry import MODELS
from qaclims_mm.vlms.segment.sam import SAM


@MODELS.register_module()
class SAMRefiner(PredictOnly):
    """Replaces the parts of maps by SAM's masks where the two agree; nothing is trained.

    SAM gets the box and the highest point of each connected part of a map, and returns three masks.
    The mask with the highest IoU with the part gets the value of the part's peak. If its IoU is
    below ``min_iou``, SAM has segmented another thing, and the map stays as it is.

    Args:
        sam: Arguments of ``vlms.segment.sam.SAM``.
        threshold: Share of a map's peak that its parts reach, in (0, 1].
        min_area: Lowest share of the image that a part covers, in [0, 1].
        max_regions: Highest number of parts per map.
        min_iou: Lowest IoU of a part and its mask, in [0, 1].
        weight: Share of the masks in the result, in [0, 1].

    Raises:
        ConfigError: If an option is out of its range.
    """

    TRAINED_WITH_MASKS = True

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
        check_shares(threshold=threshold, min_area=min_area, min_iou=min_iou, weight=weight)
        check_whole(max_regions=max_regions)
        if threshold == 0:
            raise ConfigError('threshold must be in (0, 1], but got 0; 0.4 is the default.')
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
