"""CLIPSeg through transformers: a frozen CLIP, and a decoder that is conditioned on a text.

Shapes: H W pixels, T texts, S side of the model's input.
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

    Raises:
        ConfigError: If an option is out of its range.
    """

    TRAINED_WITH_MASKS = True

    def __init__(
        self,
        model: str,
        config: dict | None = None,
        image_size: int = 352,
        text_batch: int = 64,
        dtype: str | None = None,
        seed: int = 0,
    ) -> None:
        check_whole(image_size=image_size, text_batch=text_batch)
        self._source = Pretrained(model, config, dtype, seed)
        self.image_size, self.text_batch = image_size, text_batch
        self._network: Any = None

    def load(self, device: str | torch.device = 'cpu') -> None:
        """Read the weights and the tokenizer.

        Raises:
            ImportError: If transformers is not installed.
            FormatError: If the model cannot be read or lacks weights.
            ConfigError: If ``image_size`` is not a multiple of the model's patch size.
        """
        network = self._source.read('CLIPSegForImageSegmentation', 'CLIPSegConfig', device)
        patch = network.config.vision_config.patch_size
        if self.image_size % patch:
            raise ConfigError(
                f'image_size must be a multiple of the patch size {patch} of {self._source.model}, '
                f'but got {self.image_size}.'
            )
        self._tokenizer = read_tokenizer(self._source.model)
        self._network = network

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
