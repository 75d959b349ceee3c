"""CLIP's two encoders through open_clip, frozen, for texts and for regions of images."""

import math
import pickle
from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.paths import SHIPPED, resolve
from qaclims_mm.vlms.clip.frozen import (
    FrozenImageHead,
    FrozenTextHead,
    ImageEncoder,
    as_pair,
    hash_text_tower,
)
from qaclims_mm.vlms.clip.mask_prompt import (
    encode_vit,
    find_vit,
    fit_prompts,
    is_plain_vit,
)
from qaclims_mm.vlms.clip.quick_gelu import speed_up_quick_gelu
from qaclims_mm.vlms.registry import MODELS


def open_clip_name(model: str) -> str:
    """Return what open_clip calls a model; ``miniworld://clip`` is a local folder."""
    return f'local-dir:{resolve(model)}' if model.startswith(SHIPPED) else model


def resize_input(clip: Any, image_size: int | Sequence[int]) -> None:
    """Make the image encoder of an open_clip model take another size, in place.

    Done with the loaded model, since open_clip cannot interpolate the positions of weights in half
    precision, and draws other random weights for another size.

    Args:
        clip: A model of open_clip in float32.
        image_size: Side of the input in pixels, or height and width.

    Raises:
        ValueError: If the encoder takes one size only.
    """
    from open_clip.model import resize_pos_embed

    visual, size = clip.visual, as_pair(image_size)
    if size == as_pair(visual.image_size):
        return
    if hasattr(visual, 'set_input_size'):
        visual.set_input_size(size)
    elif hasattr(visual, 'grid_size'):
        state = {'visual.positional_embedding': visual.positional_embedding}
        visual.image_size = size
        visual.grid_size = tuple(s // p for s, p in zip(size, visual.patch_size, strict=True))
        resize_pos_embed(state, clip)
        visual.positional_embedding = nn.Parameter(state['visual.positional_embedding'])
    else:
        raise ValueError(f'a {type(visual).__name__} takes images of {visual.image_size} only')


def load_open_clip(
    model: str, pretrained: str | None, image_size: int | Sequence[int] | None = None, seed: int = 0
) -> Any:
    """Build an open_clip model, frozen and in eval mode.

    Args:
        model: A name of ``open_clip.list_models()``, ``local-dir:FOLDER``, ``hf-hub:NAME``
            or ``miniworld://clip``.
        pretrained: A file or a tag of open_clip; ``None`` gives random weights from ``seed`` (a
            ``local-dir:`` brings its own).
        image_size: Side of the input in pixels, or height and width; ``None`` keeps the model's
            own.
        seed: Seed of random weights, so that two encoders built apart are one CLIP.

    Raises:
        ImportError: If open_clip is not installed.
        ValueError: If the model cannot be built or the weights do not fit, with the reason.
    """
    try:
        import open_clip
    except ImportError as error:
        raise ImportError(
            "CLIP needs open_clip_torch; run: pip install 'qaclims_mm[vlm]'"
        ) from error
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            clip = open_clip.create_model(open_clip_name(model), pretrained=pretrained)
        if image_size is not None:
            resize_input(clip, image_size)
    except (RuntimeError, OSError, ValueError, SafetensorError, pickle.UnpicklingError) as error:
        # open_clip's may list every weight or every model there is
        reason = shorten(str(error).rstrip('. '), 500, placeholder=' ...')
        raise ConfigError(
            f'CLIP {model!r} with pretrained={pretrained!r} could not be loaded: {reason}. '
            'Give a model of open_clip.list_models() and the file of its weights.'
        ) from error
    return speed_up_quick_gelu(clip).requires_grad_(False).eval()


@MODELS.register_module()
class CLIPTextHead(FrozenTextHead):
    """CLIP's text encoder, of open_clip.

    Args:
        model: See ``load_open_clip``.
        pretrained: See ``load_open_clip``.
        batch_size: Texts encoded at once.
        device: Where the encoder runs; by default on the accelerator of this process, if there is
            one.
    """

    def __init__(
        self,
        model: str,
        pretrained: str | None = None,
        batch_size: int = 256,
        device: str | None = None,
    ) -> None:
        super().__init__(model, batch_size, device)
        self.pretrained = pretrained

    def _read(self) -> nn.Module:
        clip = load_open_clip(self.model, self.pretrained)
        from open_clip import get_tokenizer

        self._tokenizer = get_tokenizer(open_clip_name(self.model))
        return clip

    def _features(self, texts: list[str]) -> Tensor:
        return self._encoder.encode_text(self._tokenizer(texts).to(self.device), normalize=False)


@MODELS.register_module()
class CLIPImageHead(FrozenImageHead):
    """CLIP's image encoder, of open_clip; with a region mask it is the mask-adapted CLIP.

    Args:
        model: See ``load_open_clip``.
        pretrained: See ``load_open_clip``.
        mask_prompt: Safetensors file with ``mask_embedding`` (depth, P, E), see
            ``mask_clip.fit_prompts``; ``'random'`` for random prompts; ``None`` is plain CLIP.
        with_cp: See ``mask_clip.encode_vit``; only a plain ViT can.
        **kwargs: ``image_size``, ``norm``, ``dtype`` and ``compile`` of ``FrozenImageHead``.
    """

    def __init__(
        self,
        model: str,
        pretrained: str | None = None,
        mask_prompt: str | None = None,
        with_cp: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(model, mask_prompt, **kwargs)
        self.pretrained, self.with_cp = pretrained, with_cp

    def _read(self) -> ImageEncoder:
        clip = load_open_clip(self.model, self.pretrained, self.image_size)
        visual = clip.visual
        if self.with_cp and not is_plain_vit(visual):
            raise ValueError(f'with_cp needs a plain ViT, but {self.model} has none.')
        if self.mask_prompt is not None:
            visual.register_buffer('mask_embedding', self._read_prompts(visual))
        stats = visual.image_mean, visual.image_std
        return ImageEncoder(visual, visual.image_size, stats, hash_text_tower(clip))

    def _read_prompts(self, visual: Any) -> Tensor:
        vit = find_vit(visual)
        if self.mask_prompt == 'random':
            shape = (min(3, len(vit.blocks)), math.prod(vit.grid_size), vit.width)
            return torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 0.02
        path = resolve(str(self.mask_prompt))
        if not Path(path).is_file():
            raise FormatError(f'mask_prompt must be a safetensors file, but {path} does not exist.')
        try:
            state = load_file(path)
        except SafetensorError as error:
            raise FormatError(f'{path} is no readable safetensors file ({error}).') from error
        if set(state) != {'mask_embedding'}:
            raise FormatError(f'{path} must hold exactly mask_embedding, but has {sorted(state)}.')
        return fit_prompts(state['mask_embedding'].float(), visual, path)

    def _features(self, images: Tensor, mask: Tensor | None = None) -> Tensor:
        visual = self._frozen
        if is_plain_vit(visual):
            prompts = None if self.mask_prompt is None else visual.mask_embedding
            return encode_vit(visual, images, mask, prompts, self.with_cp)
        features = visual(images)
        # some models, such as CoCa, also give the tokens
        return features[0] if isinstance(features, tuple) else features
