"""SAM 3 through transformers: the instances and regions that a text names.

Shapes: H W pixels, T texts, Q queries, h w cells of the predicted masks.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qaclims_mm.errors import ConfigError
from qaclims_mm.functional.cam import resize
from qaclims_mm.ranges import check_whole
from qaclims_mm.vlms.registry import PROMPTED_SEGMENTERS
from qaclims_mm.vlms.segment.base import TextMasks, check_input
from qaclims_mm.vlms.segment.inputs import normalise, read_tokenizer, tokenize
from qaclims_mm.vlms.segment.pretrained import Pretrained

HEADS = ('instances', 'semantic')


@PROMPTED_SEGMENTERS.register_module()
class Sam3Segmenter:
    """SAM 3, which was trained with masks.

    The score of a text is the presence probability of SAM 3. Its mask is the union of the
    instances, each multiplied by the probability of its query, or the output of the semantic head.

    Args:
        model: Local folder or hub id.
        config: Config of a ``Sam3Config`` for random weights from ``seed``; the tokenizer still
            comes from ``model``.
        head: ``instances`` for objects; ``semantic`` also for regions such as sky or grass.
        text_batch: Highest number of texts that are decoded at once.
        dtype: ``float16`` or ``bfloat16`` on a GPU; ``None`` is float32.
        seed: Seed of random weights.

    Raises:
        ConfigError: If ``head`` is unknown or an option is out of its range.

    Source:
        ``post_process_instance_segmentation`` of transformers' Sam3ImageProcessor.
    """

    TRAINED_WITH_MASKS = True

    def __init__(
        self,
        model: str,
        config: dict | None = None,
        head: str = 'instances',
        text_batch: int = 4,
        dtype: str | None = None,
        seed: int = 0,
    ) -> None:
        if head not in HEADS:
            raise ConfigError(f'head must be one of {HEADS}, but got {head!r}.')
        check_whole(text_batch=text_batch)
        self._source = Pretrained(model, config, dtype, seed)
        self.head, self.text_batch = head, text_batch
        self._network: Any = None

    def load(self, device: str | torch.device = 'cpu') -> None:
        """Read the weights and the tokenizer.

        Raises:
            ImportError: If transformers is not installed.
            FormatError: If the model cannot be read or lacks weights.
        """
        self._network = self._source.read('Sam3Model', 'Sam3Config', device)
        self._tokenizer = read_tokenizer(self._source.model)

    @torch.inference_mode()
    def segment(self, image: np.ndarray, texts: Sequence[str]) -> TextMasks:
        """Segment texts in an image, which is encoded once.

        Args:
            image: RGB uint8, ``(H, W, 3)``.
            texts: T prompts.

        Returns:
            Masks and scores, on the model's device.

        Raises:
            ValueError: If the image is not an RGB uint8 array or a text is blank.
        """
        check_input(image, texts)
        if self._network is None:
            self.load()
        network, size = self._network, image.shape[:2]
        masks = torch.zeros(len(texts), *size, device=network.device)
        scores = masks.new_zeros(len(texts))
        if not texts:
            return TextMasks(masks, scores)
        side = network.config.image_size
        pixels = normalise(image, (side, side), 'half', network.device).to(network.dtype)
        encoded = network.get_vision_features(pixels)
        for start in range(0, len(texts), self.text_batch):
            part = slice(start, start + self.text_batch)
            low, scores[part] = self._decode(encoded, texts[part])
            masks[part] = resize(low[None], size, align_corners=False)[0]
        return TextMasks(masks, scores)

    def _decode(self, encoded: Any, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return probabilities ``(T, h, w)`` and scores ``(T,)`` of one batch of texts."""
        network = self._network
        length = network.config.text_config.max_position_embeddings
        tokens = tokenize(self._tokenizer, texts, length, network.device)
        shared = type(encoded)(
            fpn_hidden_states=[m.expand(len(texts), -1, -1, -1) for m in encoded.fpn_hidden_states],
            fpn_position_encoding=[
                m.expand(len(texts), -1, -1, -1) for m in encoded.fpn_position_encoding
            ],
        )
        output = network(vision_embeds=shared, **tokens)
        scores = output.presence_logits.float().sigmoid().flatten()
        if self.head == 'semantic':
            return output.semantic_seg[:, 0].float().sigmoid(), scores
        queries = output.pred_logits.float().sigmoid()[..., None, None]
        return (queries * output.pred_masks.float().sigmoid()).amax(1), scores
