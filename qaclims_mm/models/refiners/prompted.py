"""Refine maps with the masks of a text-prompted segmenter.

Shapes: n maps of an image of H by W pixels.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from qaclims_mm.functional.prompt_masks import (
    fuse_with_maps,
    keep_supported,
    suppress_background,
)
from qaclims_mm.models.predict_only import PredictOnly
from qaclims_mm.models.prompting import ClassMasks, Prompting, remark_of
from qaclims_mm.ranges import check_shares
from qaclims_mm.registry import MODELS


@MODELS.register_module()
class PromptedRefiner(PredictOnly):
    """Fuses maps with the masks of a segmenter that is prompted with the labels.

    The refiner drops the connected parts of a mask in which the map stays low. If background
    answers are used, their masks lower the masks of the classes where the maps are low. Where masks
    of several classes overlap, the maps decide. The refiner uses the map alone for a class that the
    segmenter does not find, finds nearly everywhere, or finds only where the map is low. Nothing is
    trained.

    Args:
        prompting: Arguments of ``Prompting``.
        weight: Share of the masks in the result, in [0, 1].
        min_support: Share of a map's peak that the map must reach within a part of a mask to keep
            the part, in [0, 1].
        max_evidence: Map value above which background answers do not lower a mask, in [0, 1].

    Raises:
        ConfigError: If an option is out of its range.
    """

    BY_CLASS = ('prompting.aliases',)
    PARTS = MappingProxyType(dict(prompting=Prompting))

    def __init__(
        self,
        prompting: dict,
        weight: float = 0.7,
        min_support: float = 0.5,
        max_evidence: float = 0.15,
    ) -> None:
        super().__init__()
        check_shares(weight=weight, min_support=min_support, max_evidence=max_evidence)
        self.weight, self.min_support, self.max_evidence = weight, min_support, max_evidence
        self.prompting = Prompting(**prompting)

    @torch.no_grad()
    def predict(self, inputs: Sequence[Sequence[Tensor]], data_samples: Sequence[Any]) -> list[Any]:
        """Add ``refined_maps``, float32 ``(n, H, W)`` in [0, 1], to the samples.

        A sample gets a ``remark`` if the map of one of its classes is used alone, and ``failed`` if
        the segmenter makes no masks of its image.

        Args:
            inputs: For each image a list of one copy, uint8 RGB ``(3, H, W)``.
            data_samples: Samples with ``class_indices``, ``label_names``, ``cam_class_indices`` and
                ``cam_high_res``. A sample with ``failed`` is not changed.

        Returns:
            The samples in their order.

        Raises:
            ValueError: If answers are used and a sample has none.
            ConfigError: If the segmenter returns masks of another size.
        """
        for (image, *_), sample in zip(inputs, data_samples, strict=True):
            if sample.get('failed'):
                continue
            found = self.prompting.class_masks(image, sample, self.data_preprocessor.device)
            if found is not None:
                sample.set_field(self._fuse(found, sample), 'refined_maps')
        return list(data_samples)

    def _fuse(self, found: ClassMasks, sample: Any) -> Tensor:
        problems = [*found.problems]
        maps = sample.cam_high_res.to(found.masks)
        place = {k: i for i, k in enumerate(sample.class_indices.tolist())}
        # the maps may be of other classes, if labels changed after they were made
        rows = [place.get(k) for k in sample.cam_class_indices.tolist()]
        masks = maps.new_zeros(maps.shape)
        for number, i in enumerate(rows):
            if i is not None:
                masks[number] = found.masks[i]
        masks = suppress_background(masks, found.background, maps, self.max_evidence)
        masks = keep_supported(masks, maps, self.min_support)
        for mask, i in zip(masks, rows, strict=True):
            if i is not None and not problems[i] and not (mask >= 0.5).any():
                problems[i] = 'found only where its map does not show it'
        if remark := remark_of(sample.label_names, problems):
            sample.set_metainfo(dict(remark=f'{remark}; its map decides'))
        usable = maps.new_tensor(
            [i is not None and not problems[i] for i in rows], dtype=torch.bool
        )
        return fuse_with_maps(masks, maps, usable, self.weight)
