"""Refinement by the colours of the picture alone."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from qaclims_mm.functional.par import DILATIONS, pixel_adaptive_refinement
from qaclims_mm.models.predict_only import PredictOnly
from qaclims_mm.models.refiners.normalise import check_normalisation, divide_by_peak
from qaclims_mm.ranges import check_whole
from qaclims_mm.registry import MODELS


@MODELS.register_module()
class PARRefiner(PredictOnly):
    """Makes maps follow the colours of their picture; nothing is trained.

    Args:
        steps: Number of rounds of averaging.
        dilations: Distances of the neighbours in pixels.
        normalise: As in ``IRNRefiner``.
        data_preprocessor: Config of a ``WeakDataPreprocessor``.

    Raises:
        ConfigError: If a number is out of its range.
        ValueError: If ``normalise`` is unknown.
    """

    def __init__(
        self,
        steps: int = 10,
        dilations: Sequence[int] = DILATIONS,
        normalise: str = 'image',
        data_preprocessor: dict | None = None,
    ) -> None:
        super().__init__(MODELS.build(data_preprocessor or dict(type='WeakDataPreprocessor')))
        check_normalisation(normalise)
        check_whole(least=0, steps=steps)
        check_whole(**{f'dilations[{number}]': value for number, value in enumerate(dilations)})
        self.steps, self.dilations, self.normalise = steps, tuple(dilations), normalise

    @torch.no_grad()
    def predict(self, inputs: Sequence[Sequence[Tensor]], data_samples: Sequence[Any]) -> list[Any]:
        """Add ``refined_maps`` ``(n, H, W)`` in [0, 1].

        Args:
            inputs: For each image a list of one copy ``(3, H, W)``.
            data_samples: Have ``cam_high_res``; one with ``failed`` is passed on.
        """
        for (image, *_), sample in zip(inputs, data_samples, strict=True):
            if sample.get('failed'):
                continue
            maps = sample.cam_high_res.to(image)
            if len(maps):
                refined = pixel_adaptive_refinement(
                    image[None], maps[None], self.dilations, self.steps
                )[0]
                maps = divide_by_peak(refined, self.normalise)
            sample.set_field(maps, 'refined_maps')
        return list(data_samples)
