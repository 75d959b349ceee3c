"""Test-time augmentation whose merged scores later steps can use."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseTTAModel
from mmengine.structures import PixelData

from qaclims_mm.registry import MODELS


@MODELS.register_module()
class MeanProbabilityTTA(BaseTTAModel):
    """The mean of the probabilities over the copies of an image.

    mmseg's ``SegTTAModel`` labels alike, but leaves the scores of one copy in the sample, from
    which ``CRFIoUMetric`` would go on.
    """

    def merge_preds(self, data_samples_list: Sequence[Sequence[Any]]) -> list[Any]:
        """Return one sample an image; its ``seg_logits`` are probabilities ``(N, H, W)``.

        Args:
            data_samples_list: For each image its predicted copies, at the size of the original.
        """
        merged = []
        for copies in data_samples_list:
            scores = torch.stack([c.seg_logits.data.float().softmax(0) for c in copies]).mean(0)
            sample = copies[0]
            sample.set_data(
                dict(
                    seg_logits=PixelData(data=scores),
                    pred_sem_seg=PixelData(data=scores.argmax(0, keepdim=True)),
                )
            )
            merged.append(sample)
        return merged
