"""CLIP's two encoders through open_clip, frozen, for texts and for regions of images."""

import hashlib
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from qaclims_mm.paths import SHIPPED, resolve
from qaclims_mm.schemas import FormatError
from qaclims_mm.vlms.mask_clip import check_prompts, check_vit, encode_masked
from qaclims_mm.vlms.quick_gelu import speed_up_quick_gelu
from qaclims_mm.vlms.registry import MODELS

IMAGE_STATS = {
    'clip': ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    'imagenet': ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


def open_clip_name(model: str) -> str:
    """Return what open_clip calls a model; ``miniworld://clip`` is a local folder."""
    return f'local-dir:{resolve(model)}' if model.startswith(SHIPPED) else model


def load_open_clip(
    model: str, pretrained: str | None, image_size: int | None = None, seed: int = 0
) -> Any:
    """Build an open_clip model, frozen and in eval mode.

    Args:
        model: A name of ``open_clip.list_models()``, ``local-dir:FOLDER``, ``hf-hub:NAME``
            or ``miniworld://clip``.
        pretrained: A file or a tag of open_clip; ``None`` gives random weights from ``seed`` (a
            ``local-dir:`` brings its own).
        image_size: Input side in pixels; ``None`` keeps the model's own.
        seed: Seed of random weights, so that two encoders built apart are one CLIP.

    Raises:
        ImportError: If open_clip is not installed.
        ValueError: If the model cannot be built or the weights do not fit, with the reason.
    """
    try:
        import open_clip
    except ImportError as error:
        raise ImportError('CLIP needs open_clip_torch; run: pip install -e ".[vlm]"') from error
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            clip = open_clip.create_model(
                open_clip_name(model), pretrained=pretrained, force_image_size=image_size
            )
    except (RuntimeError, OSError, ValueError, SafetensorError, pickle.UnpicklingError) as error:
        # open_clip's may list every weight or every model there is
        reason = shorten(str(error).rstrip('. '), 500, placeholder=' ...')
        raise FormatError(
            f'CLIP {model!r} with pretrained={pretrained!r} could not be loaded: {reason}. '
            'Give a model of open_clip.list_models() and the file of its weights.'
        ) from error
    return speed_up_quick_gelu(clip).requires_grad_(False).eval()


def hash_text_tower(clip: Any) -> str:
    """Return the sha256 of the text encoder's weights; a mask-adapted CLIP keeps its CLIP's."""
    digest = hashlib.sha256()
    for name, value in sorted(clip.state_dict().items()):
        if not name.startswith('visual.') and name != 'logit_scale':
            digest.update(name.encode())
            digest.update(value.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()


@MODELS.register_module()
class CLIPTextHead:
    """CLIP's text encoder.

    Args:
        model: See ``load_open_clip``.
        pretrained: See ``load_open_clip``.
        batch_size: Texts encoded at once.
        device: Where the encoder runs.
    """

    def __init__(
        self, model: str, pretrained: str | None = None, batch_size: int = 256, device: str = 'cpu'
    ) -> None:
        self.model, self.pretrained = model, pretrained
        self.batch_size, self.device = batch_size, device
        self.weights_sha256 = ''

    def load(self) -> Self:
        """Read the weights and the tokenizer; ``weights_sha256`` is known afterwards."""
        import open_clip

        self._clip = load_open_clip(self.model, self.pretrained).to(self.device)
        self._tokenizer = open_clip.get_tokenizer(open_clip_name(self.model))
        self.weights_sha256 = hash_text_tower(self._clip)
        return self

    @torch.inference_mode()
    def encode(
        self, texts: Sequence[str], on_batch: Callable[[int], object] = lambda n: None
    ) -> Tensor:
        """Encode texts.

        Args:
            texts: Full prompts.
            on_batch: Called with the number of texts of each batch that is done.

        Returns:
            L2-normalised embeddings, float32 on the CPU, ``(T, D)``.
        """
        batches = []
        for start in range(0, len(texts), self.batch_size):
            batch = list(texts[start : start + self.batch_size])
            features = self._clip.encode_text(
                self._tokenizer(batch).to(self.device), normalize=True
            )
            batches.append(features.float().cpu())
            on_batch(len(batch))
        return torch.cat(batches) if batches else torch.zeros(0, 0)


@MODELS.register_module()
class CLIPImageHead(nn.Module):
    """CLIP's image encoder, frozen; with a region mask it is the mask-adapted CLIP.

    The encoder is no submodule: it follows ``.to()``, but its weights never enter a checkpoint, an
    optimizer or a DDP wrapper.

    Args:
        model: See ``load_open_clip``.
        pretrained: See ``load_open_clip``.
        mask_prompt: Safetensors file with ``mask_embedding`` (depth, P, E), or ``'random'`` for
            random prompts; ``None`` is plain CLIP.
        image_size: Input side in pixels; ``None`` is the model's own.
        norm: Mean and standard deviation of the input: ``clip`` or ``imagenet`` (the released
            code).
    """

    mean: Tensor
    std: Tensor
    _frozen: Any

    def __init__(
        self,
        model: str,
        pretrained: str | None = None,
        mask_prompt: str | None = None,
        image_size: int | None = None,
        norm: str = 'clip',
    ) -> None:
        super().__init__()
        if norm not in IMAGE_STATS:
            raise ValueError(f'norm must be one of {sorted(IMAGE_STATS)}, but got {norm!r}.')
        self.model, self.pretrained, self.image_size = model, pretrained, image_size
        self.mask_prompt, self.norm = mask_prompt, norm
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in IMAGE_STATS[norm])
        self.register_buffer('mean', mean, persistent=False)
        self.register_buffer('std', std, persistent=False)
        object.__setattr__(self, '_frozen', None)
        self.weights_sha256 = ''

    def load(self) -> Self:
        """Read the weights once; ``weights_sha256`` and the input size are known afterwards."""
        if self._frozen is None:
            clip = load_open_clip(self.model, self.pretrained, self.image_size)
            self.weights_sha256 = hash_text_tower(clip)
            visual = clip.visual
            size = visual.image_size
            self.image_size = size if isinstance(size, int) else int(size[0])
            if self.mask_prompt is not None:
                visual.register_buffer('mask_embedding', self._read_prompts(visual))
            object.__setattr__(self, '_frozen', visual.to(self.mean))
        return self

    def _read_prompts(self, visual: Any) -> Tensor:
        check_vit(visual)
        if self.mask_prompt == 'random':
            shape = (3, visual.grid_size[0] * visual.grid_size[1], visual.conv1.out_channels)
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
        prompts = state['mask_embedding'].float()
        check_prompts(visual, prompts, path)
        return prompts

    def _apply(self, fn: Callable, recurse: bool = True) -> Self:
        super()._apply(fn, recurse)
        if self._frozen is not None:
            self._frozen._apply(fn, recurse)
        return self

    def normalise(self, images: Tensor) -> Tensor:
        """Map RGB in [0, 255] to the encoder's input."""
        return (images / 255 - self.mean) / self.std

    def forward(self, images: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode images.

        Args:
            images: Normalised RGB, ``(B, 3, S, S)``, S = ``image_size``.
            mask: 0/1, ``(B, 1, S, S)``, 1 = region; used when the head has mask prompts, else it
                must be ``None``.

        Returns:
            Features, not normalised, ``(B, D)``.

        Raises:
            ValueError: If a mask is given to a head without mask prompts.
        """
        visual = self.load()._frozen
        if mask is None:
            return visual(images)
        if self.mask_prompt is None:
            raise ValueError(
                'a mask was given, but this CLIPImageHead has no mask_prompt; set it in the config.'
            )
        return encode_masked(visual, images, mask, visual.mask_embedding)
