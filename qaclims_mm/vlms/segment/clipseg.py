"""CLIPSeg through transformers: a frozen CLIP, and a decoder that is conditioned on a text.

Shapes: H W pixels, T texts, S side of the model's input.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qaclims_mm.functional.cam import resize
from qaclims_mm.vlms.clip.hf_read import read_or_make
from qaclims_mm.vlms.registry import PROMPTED_SEGMENTERS
from qaclims_mm.vlms.segment.base import TextMasks, check_input
from qaclims_mm.vlms.segment.inputs import (
    import_transformers,
    normalise,
    read_tokenizer,
    tokenize,
)


@PROMPTED_SEGMENTERS.register_module()
class CLIPSegSegmenter:
    """CLIPSeg, which was trained with masks.

    The score of a text is the highest probability in its mask, because CLIPSeg does not predict
    whether the image shows the text.

    Args:
        model: Local folder, hub id, or ``miniworld://clipseg``.
        config: Config of a ``CLIPSegConfig`` for random weights from ``seed``; the tokenizer still
            comes from ``model``.
        image_size: Side of the model's input in pixels; a multiple of its patch size.
        text_batch: Highest number of texts that are decoded at once.
        dtype: ``float16`` or ``bfloat16`` on a GPU; ``None`` is float32.
        seed: Seed of random weights.
    """

    def __init__(
        self,
        model: str,
        config: dict | None = None,
        image_size: int = 352,
        text_batch: int = 64,
        dtype: str | None = None,
        seed: int = 0,
    ) -> None:
        self.model, self.config, self.seed = model, config, seed
        self.image_size, self.text_batch, self.dtype = image_size, text_batch, dtype
        self._network: Any = None

    def load(self, device: str | torch.device = 'cpu') -> None:
        """Read the weights and the tokenizer.

        Raises:
            ImportError: If transformers is not installed.
            FormatError: If the model cannot be read or lacks weights.
        """
        hf = import_transformers('CLIPSeg')
        config = hf.CLIPSegConfig(**self.config) if self.config is not None else None
        network = read_or_make(hf.CLIPSegForImageSegmentation, self.model, config, self.seed)
        self._tokenizer = read_tokenizer(self.model)
        self._network = network.to(device, getattr(torch, self.dtype or 'float32'))

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
        layers = self._encode(image)
        masks = [
            self._decode(layers, texts[i : i + self.text_batch], image.shape[:2])
            for i in range(0, len(texts), self.text_batch)
        ]
        if not masks:
            empty = torch.zeros(0, *image.shape[:2], device=self._network.device)
            return TextMasks(empty, empty.new_zeros(0))
        joined = torch.cat(masks)
        return TextMasks(joined, joined.amax((1, 2)))

    def _encode(self, image: np.ndarray) -> list[Tensor]:
        """Return the hidden states that the decoder reads, each ``(1, N, E)``."""
        network = self._network
        pixels = normalise(image, (self.image_size, self.image_size), 'imagenet', network.device)
        states = network.clip.vision_model(
            pixel_values=pixels.to(network.dtype),
            interpolate_pos_encoding=True,
            output_hidden_states=True,
        ).hidden_states
        # the first hidden state is the input of the first layer
        return [states[i + 1] for i in network.extract_layers]

    def _decode(self, layers: Sequence[Tensor], texts: Sequence[str], size: Any) -> Tensor:
        network = self._network
        length = network.config.text_config.max_position_embeddings
        tokens = tokenize(self._tokenizer, texts, length, network.device)
        features = network.clip.get_text_features(**tokens).pooler_output
        expanded = [layer.expand(len(texts), -1, -1) for layer in layers]
        logits = network.decoder(expanded, features).logits
        return resize(logits.float()[None], size, align_corners=False)[0].sigmoid()
