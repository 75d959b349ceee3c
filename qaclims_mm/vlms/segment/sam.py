"""SAM through transformers: masks of what boxes and points show."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from qaclims_mm.vlms.clip.hf_read import read_or_make


class SAM:
    """Proposes masks; frozen, read when it is first used.

    Args:
        model: Local folder or hub id; its weights must be safetensors.
        config: Config of a ``SamConfig`` instead of weights: random ones from ``seed``, to try a
            run at full size without a download.
        dtype: ``float16`` or ``bfloat16`` on a GPU; ``None`` is float32.
        prompt_batch: Regions at once, at most.
        seed: Of random weights.
    """

    def __init__(
        self,
        model: str,
        config: dict | None = None,
        dtype: str | None = None,
        prompt_batch: int = 32,
        seed: int = 0,
    ) -> None:
        self.model, self.config, self.seed = model, config, seed
        self.dtype, self.prompt_batch = dtype, prompt_batch
        self._sam: Any = None

    def load(self, device: str | torch.device = 'cpu') -> None:
        """Read the weights.

        Raises:
            ImportError: If transformers is not installed.
            FormatError: If the model cannot be read or lacks weights.
        """
        try:
            from transformers import SamConfig, SamImageProcessor, SamModel
        except ImportError as error:
            raise ImportError(
                "SAM needs transformers; run: pip install 'qaclims_mm[vlm]'"
            ) from error
        config = SamConfig(**self.config) if self.config is not None else None
        sam = read_or_make(SamModel, self.model, config, self.seed)
        dtype = getattr(torch, self.dtype) if self.dtype else torch.float32
        self._sam = sam.to(device, dtype)
        side = sam.config.vision_config.image_size
        # all SAMs have the same constants but for the size
        self._processor = SamImageProcessor(
            size=dict(longest_edge=side), pad_size=dict(height=side, width=side)
        )

    @torch.inference_mode()
    def __call__(self, image: np.ndarray, boxes: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Propose masks for regions of an image, which is encoded once.

        Args:
            image: RGB uint8 ``(H, W, 3)``.
            boxes: Left, top, right and bottom pixel of each region, ``(R, 4)``.
            points: Column and row of a pixel of each, ``(R, 2)``.

        Returns:
            Three masks a region, bool ``(R, 3, H, W)``, and what SAM expects of each to be its
            IoU, float32 ``(R, 3)``; on the model's device.
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
