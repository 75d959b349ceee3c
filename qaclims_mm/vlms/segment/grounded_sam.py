"""Boxes of a text-prompted detector, turned into masks by SAM or SAM 2.

Shapes: H W pixels, T texts.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from qaclims_mm.errors import ConfigError
from qaclims_mm.ranges import check_shares, check_whole
from qaclims_mm.vlms.registry import PROMPTED_SEGMENTERS
from qaclims_mm.vlms.segment.base import TextMasks, check_input
from qaclims_mm.vlms.segment.box_masks import BoxMasks
from qaclims_mm.vlms.segment.detectors import DETECTORS


@PROMPTED_SEGMENTERS.register_module()
class GroundedSamSegmenter:
    """Grounding DINO or OWLv2 with SAM or SAM 2, which were trained with masks.

    The score of a text is that of its best box. Its mask is the union of the masks of its boxes.

    Args:
        detector: Options of ``detectors.GroundingDINO`` or ``OWLv2``, and ``kind``:
            ``grounding-dino`` or ``owlv2``.
        sam: Options of ``BoxMasks``; ``kind`` is ``sam`` or ``sam2``.
        threshold: Lowest score of a box that counts, in [0, 1].
        max_boxes: Highest number of boxes per text; the best ones are used.
        text_batch: Highest number of texts that Grounding DINO gets at once.

    Raises:
        ConfigError: If an option is out of its range or a kind is unknown.
    """

    TRAINED_WITH_MASKS = True

    def __init__(
        self,
        detector: dict,
        sam: dict,
        threshold: float = 0.25,
        max_boxes: int = 20,
        text_batch: int = 4,
    ) -> None:
        check_shares(threshold=threshold)
        check_whole(max_boxes=max_boxes, text_batch=text_batch)
        options = dict(detector)
        kind = options.pop('kind', None)
        if kind not in DETECTORS:
            raise ConfigError(f'detector.kind must be one of {[*DETECTORS]}, but got {kind!r}.')
        self.detector: Any = DETECTORS[kind](**options)
        self.sam = BoxMasks(**sam)
        self.threshold, self.max_boxes, self.text_batch = threshold, max_boxes, text_batch
        self._loaded = False

    def load(self, device: str | torch.device = 'cpu') -> None:
        """Read the weights of both models.

        Raises:
            ImportError: If transformers is not installed.
            FormatError: If a model cannot be read or lacks weights.
        """
        self.detector.load(device)
        self.sam.load(device)
        self._loaded = True

    @torch.inference_mode()
    def segment(self, image: np.ndarray, texts: Sequence[str]) -> TextMasks:
        """Segment texts in an image, which each model encodes once.

        Args:
            image: RGB uint8, ``(H, W, 3)``.
            texts: T prompts.

        Returns:
            Masks and scores, on the models' device.

        Raises:
            ValueError: If the image is not an RGB uint8 array or a text is blank.
        """
        check_input(image, texts)
        if not self._loaded:
            self.load()
        masks = torch.zeros(len(texts), *image.shape[:2], device=self.sam.network.device)
        scores = masks.new_zeros(len(texts))
        if not texts:
            return TextMasks(masks, scores)
        seen, encoded = self.detector.encode(image), self.sam.encode(image)
        for start in range(0, len(texts), self.text_batch):
            found = self.detector.detect(seen, texts[start : start + self.text_batch])
            for number, (boxes, sure) in enumerate(zip(*found, strict=True), start=start):
                order = sure.argsort(descending=True)[: self.max_boxes]
                scores[number] = sure[order[0]]
                for mask in self.sam.masks(encoded, boxes[order[sure[order] >= self.threshold]]):
                    torch.maximum(masks[number], mask, out=masks[number])
        return TextMasks(masks, scores)
