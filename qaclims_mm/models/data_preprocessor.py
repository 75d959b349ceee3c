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
    next to a kink of the network crosses it, and a gradient moves by 3e-3 (facts item 24a). In
    training the images are laid on a canvas of 0, the mean colour, each at the ``pad_offset`` of
    its sample (see ``RandomCropPad``), by default at the top left.

    Args:
        mean: RGB mean on [0, 1].
        std: RGB standard deviation on [0, 1].
        size: Height and width of the canvas; ``None`` makes it just large enough.
    """

    def __init__(
        self,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        size: tuple[int, int] | None = None,
    ) -> None:
        # asynchronous where a loader has pinned its images, else as ever
        super().__init__(non_blocking=True)
        self.mean, self.std, self.size = tuple(mean), tuple(std), size
        values = np.arange(256, dtype=np.float64)[None] / 255.0
        table = (values - np.array(mean)[:, None]) / np.array(std)[:, None]
        self.register_buffer('table', torch.from_numpy(table.astype(np.float32)), persistent=False)

    def normalise(self, image: Tensor) -> Tensor:
        """Map uint8 ``(3, H, W)`` to float32 ``(3, H, W)``."""
        return self.table.gather(1, image.flatten(1).long()).view(image.shape)

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
        offsets = [s.get('pad_offset', (0, 0)) for s in samples or [{}] * len(images)]
        return dict(inputs=self._lay_out(images, offsets), data_samples=samples)

    def _lay_out(self, images: Sequence[Tensor], offsets: Sequence[tuple[int, int]]) -> Tensor:
        """Return the canvases ``(B, 3, H, W)``.

        Raises:
            ValueError: If an image does not fit.
        """
        ends = [(r + x.shape[1], c + x.shape[2]) for x, (r, c) in zip(images, offsets, strict=True)]
        needed = tuple(max(end[axis] for end in ends) for axis in (0, 1))
        height, width = self.size or needed
        if height < needed[0] or width < needed[1]:
            raise ValueError(
                f'the images of a batch must fit into {height}x{width}, but they need '
                f'{needed[0]}x{needed[1]}; give data_preprocessor.size and RandomCropPad one size.'
            )
        batch = images[0].new_zeros(len(images), 3, height, width)
        for target, image, start, end in zip(batch, images, offsets, ends, strict=True):
            target[:, start[0] : end[0], start[1] : end[1]] = image
        return batch
