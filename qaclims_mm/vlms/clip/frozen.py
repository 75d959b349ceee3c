"""What the frozen encoders of ``open_clip.py`` and ``hf.py`` share.

``CLIPImageHead`` and ``CLIPTextHead`` are in ``open_clip.py``, ``HFImageHead`` in ``hf.py``.

Shapes: B images, H W pixels of the encoder's input, T texts, D embedding.
"""

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

import torch
from mmengine.device import get_device
from torch import Tensor, nn
from torch.nn import functional as F

IMAGE_STATS = {
    'clip': ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    'imagenet': ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
NORMS = ('model', *IMAGE_STATS)
DTYPES = (None, 'bfloat16', 'float16')

# How the weights of a dual encoder are called that no text to be compared goes through; CoCa's
# decoder writes captions.
NO_TEXT = ('visual', 'vision', 'image', 'logit', 'text_decoder')


def hash_text_tower(model: nn.Module) -> str:
    """Return the sha256 of the text encoder's weights; a mask-adapted CLIP keeps its CLIP's."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        if not name.startswith(NO_TEXT):
            digest.update(name.encode())
            digest.update(value.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()


class FrozenTextHead:
    """A frozen text encoder; a subclass reads it and encodes a batch.

    Args:
        model: Name or folder.
        batch_size: Texts encoded at once.
        device: Where the encoder runs; by default on the accelerator of this process, if there is
            one.
    """

    _encoder: Any

    def __init__(self, model: str, batch_size: int = 256, device: str | None = None) -> None:
        self.model, self.batch_size, self.device = model, batch_size, device
        self.weights_sha256 = ''

    def load(self) -> Self:
        """Read the weights and the tokenizer; ``weights_sha256`` is known afterwards."""
        self.device = self.device or get_device()
        self._encoder = self._read().to(self.device)
        self.weights_sha256 = hash_text_tower(self._encoder)
        return self

    @abstractmethod
    def _read(self) -> nn.Module:
        """Read tokenizer and model; return the model."""

    @abstractmethod
    def _features(self, texts: list[str]) -> Tensor:
        """Encode a batch; of any norm."""

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
            batches.append(F.normalize(self._features(batch), dim=-1).float().cpu())
            on_batch(len(batch))
        return torch.cat(batches) if batches else torch.zeros(0, 0)


class ImageEncoder(NamedTuple):
    """An image encoder as it was read; ``stats`` are mean and standard deviation of its input."""

    encoder: nn.Module
    image_size: int | Sequence[int]
    stats: tuple[Sequence[float], Sequence[float]]
    weights_sha256: str


def as_pair(size: Any) -> tuple[int, int]:
    """Return height and width of a size, which may be one side."""
    height, width = (size, size) if isinstance(size, int) else size
    return height, width


class FrozenImageHead(nn.Module):
    """A frozen image encoder; a subclass reads it and encodes a batch.

    The encoder is no submodule: it follows ``.to()``, but its weights never enter a checkpoint, an
    optimizer or a DDP wrapper. It is read when it is first used.

    Args:
        model: Name or folder.
        mask_prompt: Prompts for region masks; ``None`` if the head takes none.
        image_size: Side of the input in pixels, or height and width; ``None`` is the model's own.
        norm: Mean and standard deviation of the input: ``model`` (the model's own), ``clip`` or
            ``imagenet`` (the released code).
        dtype: ``bfloat16`` or ``float16`` for weights and computation of the encoder; ``None`` is
            float32. Autocast alone would convert the frozen weights anew in every step.
        compile: Whether ``torch.compile`` makes the encoder's kernels.

    Raises:
        ValueError: If ``norm`` or ``dtype`` is unknown.
    """

    image_size: Any
    mean: Tensor
    std: Tensor
    _frozen: Any

    def __init__(
        self,
        model: str,
        mask_prompt: str | None = None,
        image_size: int | Sequence[int] | None = None,
        norm: str = 'model',
        dtype: str | None = None,
        compile: bool = False,
    ) -> None:
        super().__init__()
        for name, value, known in (('norm', norm, NORMS), ('dtype', dtype, DTYPES)):
            if value not in known:
                raise ValueError(f'{name} must be one of {known}, but got {value!r}.')
        self.model, self.mask_prompt = model, mask_prompt
        self.image_size, self.norm = image_size, norm
        self.dtype = dtype
        if compile:
            # the number of regions differs from step to step
            self._features = torch.compile(self._features, dynamic=True)  # type: ignore[method-assign]
        # the model's own are not known before it is read: no number, rather than a wrong one
        for name, values in zip(
            ('mean', 'std'), IMAGE_STATS.get(norm, ((torch.nan,) * 3,) * 2), strict=True
        ):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)
        object.__setattr__(self, '_frozen', None)
        self.weights_sha256 = ''

    def load(self) -> Self:
        """Read the weights once.

        ``weights_sha256``, the input's size and, of ``norm='model'``, ``mean`` and ``std`` are
        known afterwards.
        """
        if self._frozen is None:
            encoder, size, stats, self.weights_sha256 = self._read()
            height, width = as_pair(size)
            self.image_size = height if height == width else (height, width)
            if self.norm == 'model':
                for buffer, values in zip((self.mean, self.std), stats, strict=True):
                    buffer.copy_(torch.tensor(values).view(1, 3, 1, 1))
            dtype = getattr(torch, self.dtype) if self.dtype else self.mean.dtype
            object.__setattr__(self, '_frozen', encoder.to(self.mean.device, dtype))
        return self

    @abstractmethod
    def _read(self) -> ImageEncoder:
        """Read the encoder, frozen and in eval mode."""

    @abstractmethod
    def _features(self, images: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode images of the weights' type; a mask only comes to a head that takes one."""

    @property
    def encoder(self) -> Any:
        """The image encoder itself."""
        return self.load()._frozen

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the input in pixels."""
        return as_pair(self.load().image_size)

    def _apply(self, fn: Callable, recurse: bool = True) -> Self:
        super()._apply(fn, recurse)
        if self._frozen is not None:
            self._frozen._apply(fn, recurse)
        return self

    def normalise(self, images: Tensor) -> Tensor:
        """Map RGB in [0, 255] to the encoder's input."""
        self.load()
        return (images / 255 - self.mean) / self.std

    def forward(self, images: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode images.

        Args:
            images: Normalised RGB, ``(B, 3, H, W)``, of ``input_size``.
            mask: 0/1, ``(B, 1, H, W)``, 1 = region; used when the head has mask prompts, else it
                must be ``None``.

        Returns:
            Features, not normalised, ``(B, D)``.

        Raises:
            ValueError: If a mask is given to a head without mask prompts.
        """
        self.load()
        if mask is not None and self.mask_prompt is None:
            raise ValueError(
                f'a mask was given, but this {type(self).__name__} has no mask_prompt; a '
                'CLIPImageHead with one in the config takes masks.'
            )
        weights = next(self._frozen.parameters())
        # to weights of half precision autocast has nothing to add but float32 norms
        with torch.autocast(weights.device.type, enabled=self._autocast(weights)):
            return self._features(images.to(weights.dtype), mask).to(images.dtype)

    def _autocast(self, weights: Tensor) -> bool:
        return self.dtype is None and torch.is_autocast_enabled(weights.device.type)
