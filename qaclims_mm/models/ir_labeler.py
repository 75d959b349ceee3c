"""Confident labels made on the device of the model, for those who have a GPU."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from qaclims_mm.functional.crf import CRFSettings, confident_labels
from qaclims_mm.functional.crf_torch import TorchDenseCRF
from qaclims_mm.models.predict_only import PredictOnly
from qaclims_mm.registry import MODELS


@MODELS.register_module()
class IRLabeler(PredictOnly):
    """As the transform ``MakeIRLabel``, with ``TorchDenseCRF`` for the library's field.

    Args:
        conf_fg: Map value of the background where foreground is looked for.
        conf_bg: The same where background is looked for.
        crf: Fields of ``CRFSettings`` that differ from the defaults.
    """

    def __init__(
        self, conf_fg: float = 0.3, conf_bg: float = 0.05, crf: dict | None = None
    ) -> None:
        # pictures stay as they are: the CRF compares their grey levels
        super().__init__(dict(type='BaseDataPreprocessor'))
        self.conf_fg, self.conf_bg = conf_fg, conf_bg
        self.crf = CRFSettings(**(crf or {}))

    def predict(self, inputs: Sequence[Tensor], data_samples: Sequence[Any]) -> list[Any]:
        """Add ``ir_label``, uint8 ``(H, W)``.

        Args:
            inputs: Pictures, uint8 ``(3, H, W)``.
            data_samples: Have ``cam_class_indices`` and ``cam_high_res``; one with ``failed`` is
                passed on.
        """
        for image, sample in zip(inputs, data_samples, strict=True):
            if sample.get('failed'):
                continue
            label = confident_labels(
                sample.cam_high_res.cpu().numpy(),
                sample.cam_class_indices.cpu().numpy(),
                image.permute(1, 2, 0).cpu().numpy(),
                self.conf_fg,
                self.conf_bg,
                self.crf,
                partial(TorchDenseCRF, device=image.device),
            )
            sample.set_field(torch.from_numpy(label), 'ir_label')
        return list(data_samples)
