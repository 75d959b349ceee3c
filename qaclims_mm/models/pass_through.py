"""The model of stages whose work is done by the data pipeline."""

from collections.abc import Sequence
from typing import Any

from qaclims_mm.models.predict_only import PredictOnly
from qaclims_mm.registry import MODELS


@MODELS.register_module()
class PassThrough(PredictOnly):
    """Hands the samples on as the pipeline made them, for evaluators that write them.

    The workers of the data loader do the work, so a stage on the CPU uses all cores and every
    launcher shares it out.
    """

    def predict(self, inputs: Any, data_samples: Sequence[Any]) -> list[Any]:
        """Return the samples."""
        return list(data_samples)
