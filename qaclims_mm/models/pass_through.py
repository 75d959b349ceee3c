"""The model of stages whose work is done by the data pipeline."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import nn

from qaclims_mm.registry import MODELS


@MODELS.register_module()
class PassThrough(BaseModel):
    """Hands the samples on as the pipeline made them, for evaluators that write them.

    The workers of the data loader do the work, so a stage on the CPU uses all cores and every
    launcher shares it out.
    """

    def __init__(self) -> None:
        super().__init__()
        # never trained; DDP refuses a model without a parameter
        self.anchor = nn.Parameter(torch.zeros(1))

    def forward(self, inputs: Any, data_samples: Sequence[Any], mode: str = 'predict') -> list[Any]:
        """Return the samples.

        Raises:
            ValueError: If the mode is another one than ``predict``: there is nothing to train.
        """
        if mode != 'predict':
            raise ValueError(f'PassThrough only predicts, but mode is {mode!r}; use test.py.')
        return list(data_samples)
