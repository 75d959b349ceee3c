"""Masks of the objects in boxes, by SAM or SAM 2 through transformers.

Shapes: H W pixels of an image, N boxes, S side of the model's input.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from qaclims_mm.errors import ConfigError
from qaclims_mm.functional.cam import resize
from qaclims_mm.ranges import check_whole
from qaclims_mm.vlms.segment.inputs import normalise
from qaclims_mm.vlms.segment.pretrained import Pretrained

# {kind: names of its network and of its config in transformers}
KINDS = {'sam': ('SamModel', 'SamConfig'), 'sam2': ('Sam2Model', 'Sam2Config')}


class _Encoded(NamedTuple):
    embeddings: Any
    size: tuple[int, int]  # of the image
    inner: tuple[int, int]  # of the image within the model's input


class BoxMasks:
    """SAM or SAM 2, prompted with boxes.

    Args:
        model: Local folder or hub id.
        kind: ``sam`` or ``sam2``.
        config: Config of a ``SamConfig`` or ``Sam2Config`` with random weights from ``seed``.
        dtype: ``float16`` or ``bfloat16`` on a GPU; ``None`` is float32.
        box_batch: Highest number of boxes at once.
        seed: Seed of random weights.

    Raises:
        ConfigError: If ``kind`` is unknown or an option is out of its range.
    """

    def __init__(
        self,
        model: str,
        kind: str = 'sam',
        config: dict | None = None,
        dtype: str | None = None,
        box_batch: int = 32,
        seed: int = 0,
    ) -> None:
        if kind not in KINDS:
            raise ConfigError(f"kind must be 'sam' or 'sam2', but got {kind!r}.")
        check_whole(box_batch=box_batch)
        self._source = Pretrained(model, config, dtype, seed)
        self.kind, self.box_batch = kind, box_batch

    def load(self, device: str | torch.device) -> None:
        """Read the weights.

        Raises:
            ImportError: If transformers is not installed.
            FormatError: If the model cannot be read or lacks weights.
        """
        self.network = self._source.read(*KINDS[self.kind], device)

    @property
    def side(self) -> int:
        """S in pixels."""
        return int(self.network.config.prompt_encoder_config.image_size)

    def encode(self, image: np.ndarray) -> _Encoded:
        """Encode an RGB uint8 image ``(H, W, 3)``.

        For SAM the image keeps its aspect ratio and is padded at the right and bottom. For SAM 2 it
        is stretched to a square.
        """
        size, side = image.shape[:2], self.side
        inner = (side, side)
        if self.kind == 'sam':
            scale = side / max(size)
            inner = (max(1, int(size[0] * scale + 0.5)), max(1, int(size[1] * scale + 0.5)))
        pixels = normalise(image, inner, 'imagenet', self.network.device)
        pixels = F.pad(pixels, (0, side - inner[1], 0, side - inner[0]))
        embeddings = self.network.get_image_embeddings(pixels.to(self.network.dtype))
        return _Encoded(embeddings, (size[0], size[1]), inner)

    def masks(self, encoded: _Encoded, boxes: Tensor) -> Iterator[Tensor]:
        """Yield the probabilities of each box's mask, float32 ``(H, W)``, in order.

        Args:
            encoded: Result of ``encode``.
            boxes: Left, top, right and bottom in pixels of the image, ``(N, 4)``.
        """
        (height, width), inner = encoded.size, encoded.inner
        scale = boxes.new_tensor([inner[1] / width, inner[0] / height]).repeat(2)
        # splitting no boxes gives one empty part, which SAM does not take
        for part in (boxes * scale).split(self.box_batch) if len(boxes) else ():
            output = self.network(
                image_embeddings=encoded.embeddings,
                input_boxes=part[None].to(self.network.dtype),
                multimask_output=False,
            )
            for logits in output.pred_masks[0, :, 0].float():
                yield self._to_image(logits, encoded).sigmoid()

    def _to_image(self, logits: Tensor, encoded: _Encoded) -> Tensor:
        """Resize low-resolution logits ``(h, w)`` to the image, without the padding."""
        whole = logits[None, None]
        if self.kind == 'sam':
            whole = resize(whole, (self.side, self.side), align_corners=False)
            whole = whole[..., : encoded.inner[0], : encoded.inner[1]]
        return resize(whole, encoded.size, align_corners=False)[0, 0]
