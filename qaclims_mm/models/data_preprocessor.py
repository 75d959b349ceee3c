"""From uint8 images to what the networks take."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from qaclims_mm.registry import MODELS


@MODELS.register_module()
class WeakDataPreprocessor(BaseDataPreprocessor):
    """Normalises images with a table of 256 values a channel and stacks those of a training batch.

    The table is computed in float64 and rounded once, as the released code does: in float32 a value
    next to a kink of the network crosses it, and a gradient moves by 3e-3 (facts item 24a). Smaller
    images of a training batch are padded at the right and the bottom with 0, the mean colour.

    Args:
        mean: RGB mean on [0, 1].
        std: RGB standard deviation on [0, 1].
        size: Height and width to which a training batch is padded; ``None`` is its largest image.
    """

    def __init__(
        self,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.mean, self.std, self.size = tuple(mean), tuple(std), size
        values = np.arange(256, dtype=np.float64)[None] / 255.0
        table = (values - np.array(mean)[:, None]) / np.array(std)[:, None]
        self.register_buffer('table', torch.from_numpy(table.astype(np.float32)), persistent=False)

    def normalise(self, image: Tensor) -> Tensor:
        """Map uint8 ``(3, H, W)`` to float32 ``(3, H, W)``."""
        return torch.stack([self.table[c][image[c].long()] for c in range(3)])

    def forward(self, data: dict, training: bool = False) -> dict:
        """Return ``inputs`` and ``data_samples`` on the device.

        In training ``inputs`` is ``(B, 3, H, W)``; else it is, for every image, a list of
        ``(3, h, w)``, one a scale.
        """
        data = self.cast_data(data)
        samples: Any = data.get('data_samples')
        if not training:
            inputs = [
                [self.normalise(i) for i in (x if isinstance(x, (list, tuple)) else [x])]
                for x in data['inputs']
            ]
            return dict(inputs=inputs, data_samples=samples)
        images = [self.normalise(x) for x in data['inputs']]
        height, width = self.size or tuple(max(x.shape[d] for x in images) for d in (1, 2))
        batch = images[0].new_zeros(len(images), 3, height, width)
        for target, image in zip(batch, images, strict=True):
            target[:, : image.shape[1], : image.shape[2]] = image
        return dict(inputs=batch, data_samples=samples)
