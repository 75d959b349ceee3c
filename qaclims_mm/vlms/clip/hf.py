"""The two encoders of transformers' CLIP, SigLIP and their kind, frozen."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.paths import resolve
from qaclims_mm.vlms.clip.frozen import (
    IMAGE_STATS,
    FrozenImageHead,
    FrozenTextHead,
    ImageEncoder,
    hash_text_tower,
)
from qaclims_mm.vlms.clip.hf_read import read_pretrained, read_weights
from qaclims_mm.vlms.registry import MODELS

SIGLIP_STATS = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
# Where an image processor's constants lie; a newer one has them inside the processor's.
PROCESSOR_FILES = ('preprocessor_config.json', 'processor_config.json')


def load_dual_encoder(model: str) -> Any:
    """Read a model of transformers that encodes texts and images; frozen, float32, in eval mode.

    Args:
        model: Local folder or hub id; its weights must be safetensors.

    Raises:
        ImportError: If transformers is not installed.
        FormatError: If it cannot be read or lacks weights.
        ConfigError: If it is no dual encoder.
    """
    try:
        from transformers import AutoModel
    except ImportError as error:
        raise ImportError(
            "CLIP of transformers needs transformers; run: pip install 'qaclims_mm[vlm]'"
        ) from error
    encoder = read_weights(AutoModel, model, dtype=torch.float32)
    if not all(hasattr(encoder, f'get_{kind}_features') for kind in ('text', 'image')):
        raise ConfigError(
            f'{model!r} is a {type(encoder).__name__}, which does not encode both texts and '
            'images; give a dual encoder, such as a CLIPModel or a SiglipModel.'
        )
    return encoder


def read_stats(model: str, model_type: str) -> tuple[Sequence[float], Sequence[float]]:
    """Return mean and standard deviation of a model's input.

    Args:
        model: Local folder or hub id.
        model_type: ``model_type`` of its config, which decides where it has no image processor.

    Raises:
        FormatError: If the image processor's file is broken.
    """
    from transformers.utils import cached_file

    for name in PROCESSOR_FILES:
        try:
            path = Path(cached_file(resolve(model), name))
        except OSError:
            continue
        try:
            values = json.loads(path.read_text(encoding='utf-8'))
        except ValueError as error:
            raise FormatError(f'{path} is no JSON ({error}); write it again.') from error
        values = values.get('image_processor', values)
        if {'image_mean', 'image_std'} <= set(values):
            return values['image_mean'], values['image_std']
    family = 'SigLIP' if _is_siglip(model_type) else 'CLIP'
    print_log(
        f'{model} has no image processor here: images are normalised as {family} does.', 'current'
    )
    return SIGLIP_STATS if _is_siglip(model_type) else IMAGE_STATS['clip']


def _is_siglip(model_type: str) -> bool:
    return model_type.startswith('siglip')


@MODELS.register_module()
class HFTextHead(FrozenTextHead):
    """The text encoder of a dual encoder of transformers.

    Args:
        model: See ``load_dual_encoder``; the tokenizer lies beside it.
        batch_size: Texts encoded at once.
        device: Where the encoder runs; by default on the accelerator of this process, if there is
            one.
    """

    def _read(self) -> nn.Module:
        encoder = load_dual_encoder(self.model)
        from transformers import AutoTokenizer

        self._tokenizer = read_pretrained(
            AutoTokenizer.from_pretrained, self.model, 'its tokenizer, such as tokenizer.json'
        )
        if not set(self._tokenizer.get_vocab()) - set(self._tokenizer.all_special_tokens):
            # transformers then reads every word as unknown and says nothing
            raise FormatError(f'{self.model!r} has no vocabulary; add its tokenizer.json.')
        return encoder

    def _features(self, texts: list[str]) -> Tensor:
        config = self._encoder.config
        siglip = _is_siglip(config.model_type)
        tokens = self._tokenizer(
            texts,
            padding='max_length' if siglip else 'longest',
            max_length=min(
                config.text_config.max_position_embeddings, self._tokenizer.model_max_length
            ),
            truncation=True,
            # an answer may be <|endoftext|>
            split_special_tokens=True,
            return_tensors='pt',
        )
        # SigLIP was trained to look at the padding, and reads the last token; to the others the
        # length of the padding is nothing
        names = ('input_ids',) if siglip else ('input_ids', 'attention_mask')
        inputs = {k: tokens[k].to(self.device) for k in names}
        return _pooled(self._encoder.get_text_features(**inputs))


@MODELS.register_module()
class HFImageHead(FrozenImageHead):
    """The image encoder of a dual encoder of transformers; it takes no masks.

    Args:
        model: See ``load_dual_encoder``.
        **kwargs: ``image_size``, ``norm``, ``dtype`` and ``compile`` of ``FrozenImageHead``;
            positions are interpolated where the size is not the model's own.
    """

    def __init__(self, model: str, **kwargs: Any) -> None:
        super().__init__(model, **kwargs)

    def _read(self) -> ImageEncoder:
        encoder = load_dual_encoder(self.model)
        weights_sha256 = hash_text_tower(encoder)
        own = getattr(getattr(encoder.config, 'vision_config', None), 'image_size', None)
        if own is None:
            raise ConfigError(
                f'{self.model!r} is a {type(encoder).__name__} without one size of images in its '
                'vision_config; give a model of a fixed size, such as a CLIPModel or SiglipModel.'
            )
        size = self.image_size or own
        self._options = dict(interpolate_pos_encoding=True) if size != own else {}
        for name, _ in list(encoder.named_children()):
            if name.startswith('text'):
                setattr(encoder, name, None)
        stats = read_stats(self.model, encoder.config.model_type)
        return ImageEncoder(encoder, size, stats, weights_sha256)

    def _features(self, images: Tensor, mask: Tensor | None = None) -> Tensor:
        return _pooled(self._frozen.get_image_features(pixel_values=images, **self._options))


def _pooled(output: Any) -> Tensor:
    """Return the features; transformers 5 gives them in an output object."""
    features = getattr(output, 'pooler_output', output)
    if features.ndim != 2:
        raise ConfigError(
            f'the encoder must give one vector an input, but gives {tuple(features.shape)}; give '
            'another dual encoder, such as a CLIPModel or a SiglipModel.'
        )
    return features
