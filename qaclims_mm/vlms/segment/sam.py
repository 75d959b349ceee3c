"""SAM through transformers: masks of regions that are given by a box and a point.

Shapes: R regions of an image of H by W pixels.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from qaclims_mm.ranges import check_whole
from qaclims_mm.vlms.segment.inputs import import_transformers
from qaclims_mm.vlms.segment.pretrained import Pretrained


class SAM:
    """A frozen SAM that proposes masks; the first call reads its weights.

    Args:
        model: Local folder or hub id; its weights must be safetensors.
        config: Config of a ``SamConfig`` for random weights from ``seed``, to try a run at full
            size without a download.
        dtype: ``float16`` or ``bfloat16`` on a GPU; ``None`` is float32.
        prompt_batch: Highest number of regions at once.
        seed: Seed of random weights.

    Raises:
        ConfigError: If an option is out of its range.
    """

    def __init__(
        self,
        model: str,
        config: dict | None = None,
        dtype: str | None = None,
        prompt_batch: int = 32,
        seed: int = 0,
    ) -> None:
        check_whole(prompt_batch=prompt_batch)
        self._source, self.prompt_batch = Pretrained(model, config, dtype, seed), prompt_batch
        self._sam: Any = None

    def load(self, device: str | torch.device = 'cpu') -> None:
        """Read the weights.

        Raises:
            ImportError: If transformers is not installed.
            FormatError: If the model cannot be read or lacks weights.
        """
        self._sam = self._source.read('SamModel', 'SamConfig', device)
        side = self._sam.config.vision_config.image_size
        # the processors of all SAMs differ in the size only
        self._processor = import_transformers('SAM').SamImageProcessor(
            size=dict(longest_edge=side), pad_size=dict(height=side, width=side)
        )

    @torch.inference_mode()
    def __call__(self, image: np.ndarray, boxes: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Propose masks for regions of an image, which is encoded once.

        Args:
            image: RGB uint8 ``(H, W, 3)``.
            boxes: Left, top, right and bottom pixel of each region, ``(R, 4)``.
            points: Column and row of a pixel of each region, ``(R, 2)``.

        Returns:
            Three masks per region, bool ``(R, 3, H, W)``, and the IoU that SAM predicts for each
            mask, float32 ``(R, 3)``; both on the model's device.
        """
        if self._sam is None:
            self.load()
        sam, size = self._sam, image.shape[:2]
        made = self._processor(image, return_tensors='pt')
        [reshaped] = made['reshaped_input_sizes'].tolist()
        device = sam.device
        embedding = sam.get_image_embeddings(made['pixel_values'].to(device, sam.dtype))
        scale = torch.tensor([reshaped[1] / size[1], reshaped[0] / size[0]], device=device)
        boxes = (boxes.to(device).view(-1, 2, 2) * scale).view(-1, 4)
        points = points.to(device) * scale
        masks, quality = [], []
        for start in range(0, len(boxes), self.prompt_batch):
            part = slice(start, start + self.prompt_batch)
            output = sam(
                image_embeddings=embedding,
                input_boxes=boxes[None, part].to(sam.dtype),
                input_points=points[None, part, None].to(sam.dtype),
                input_labels=torch.ones_like(points[None, part, :1], dtype=torch.long),
            )
            logits = output.pred_masks[0].float()
            masks += self._processor.post_process_masks([logits], [size], [reshaped])
            quality.append(output.iou_scores[0].float())
        if not masks:
            empty = torch.zeros(0, 3, *size, dtype=torch.bool, device=device)
            return empty, torch.zeros(0, 3, device=device)
        return torch.cat(masks), torch.cat(quality)
