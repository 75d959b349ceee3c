"""What RITC and CLIMS share: regions of images and texts, encoded by one frozen CLIP.

Shapes: B images, K classes, P pairs of image and present class, D embedding, N background texts,
T texts.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from qaclims_mm.functional.cam import region_images, resize
from qaclims_mm.models.classifiers.cam_network import CAMNetwork
from qaclims_mm.registry import MODELS

# pixels of the regions whose activations are kept for the backward pass: of a ViT-B/16 in float32
# 41 regions of 224 px, some 3 GB, and eight times as much on a GPU
_PIXELS = {'cpu': 2**21, 'cuda': 2**24}


class Pairs(NamedTuple):
    """The present classes of a batch: indices (P,), text rows (P, L+1) or (P,), and (P, N)."""

    image_index: Tensor
    class_index: Tensor
    fg_rows: Tensor
    bg_rows: Tensor


def collect_indices(data_samples: Sequence[Any]) -> tuple[Tensor, Tensor]:
    """Return the index of the image and of the class of every pair of a batch, each (P,).

    No value is read, so a GPU is never waited for.
    """
    image = torch.cat(
        [s.class_indices.new_full(s.class_indices.shape, i) for i, s in enumerate(data_samples)]
    )
    return image, torch.cat([s.class_indices for s in data_samples])


class RegionNetwork(CAMNetwork):
    """A CAM network that learns from what CLIP makes of the regions its maps cut out.

    A subclass has an attribute for each of ``REGION_LOSSES``, a module or ``None``.

    Args:
        image_head: Config of a ``CLIPImageHead`` or ``HFImageHead``; frozen, and not part of the
            checkpoint.
        threshold: Config of ``ForegroundAdaptiveThreshold``; ``None`` makes no masks.
        loss_reg: Config of ``REGLoss``, or ``None``.
        region_image: ``hard`` or ``soft``; see ``functional.cam.region_images``.
        reference_batch_size: Images a rank for which the loss weights hold.
        **kwargs: As in ``CAMNetwork``.
    """

    REGION_LOSSES: ClassVar[tuple[str, ...]]
    text_embeddings: Tensor

    def __init__(
        self,
        image_head: dict,
        threshold: dict | None,
        loss_reg: dict | None,
        region_image: str,
        reference_batch_size: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.image_head = MODELS.build(image_head)
        self.threshold = MODELS.build(threshold) if threshold else None
        self.loss_reg = MODELS.build(loss_reg) if loss_reg else None
        self.region_image, self.reference_batch_size = region_image, reference_batch_size
        # Empty until training starts: predicting needs neither the texts nor CLIP. It is no buffer,
        # since EMAHook copies the model before and expects buffers to keep their size.
        self.text_embeddings = torch.zeros(0, 0)

    def _apply(self, fn: Callable, recurse: bool = True) -> Self:
        super()._apply(fn, recurse)
        self.text_embeddings = fn(self.text_embeddings)
        return self

    def init_weights(self) -> None:
        """Initialise the network, and read CLIP and the texts."""
        super().init_weights()
        self.load_texts()

    @abstractmethod
    def load_texts(self) -> None:
        """Read CLIP and fill ``text_embeddings``, and check that they belong together."""

    @abstractmethod
    def collect(self, data_samples: Sequence[Any]) -> Pairs:
        """Return the pairs of a batch with their rows of ``text_embeddings``."""

    @abstractmethod
    def match(self, regions: tuple[Tensor, Tensor], pairs: Pairs) -> dict[str, Tensor]:
        """Return the configured losses of foreground and background features, each ``(P, D)``."""

    def configured(self) -> dict[str, Any]:
        """Return the modules of the region losses, those that are configured."""
        modules = {name: getattr(self, name) for name in self.REGION_LOSSES}
        return {name: module for name, module in modules.items() if module is not None}

    def loss_scales(self, inputs: Tensor, pairs: Pairs) -> dict[str, Any]:
        """Return the factor of each region loss, by which any split of a batch trains the same.

        Every rank calls it at every step, one without a pair too.
        """
        scale = self.reference_batch_size / len(inputs)
        return dict.fromkeys(self.configured(), scale)

    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """Return the losses that are configured."""
        cams = self.logits(inputs).float().sigmoid()
        losses = self.region_losses(inputs, cams, self.collect(data_samples))
        if self.loss_reg is not None:
            losses['loss_reg'] = self.loss_reg(cams)
        return losses

    def region_losses(self, inputs: Tensor, cams: Tensor, pairs: Pairs) -> dict[str, Tensor]:
        """Return the region losses of sigmoid CAMs ``(B, K, P', Q')``."""
        scales = self.loss_scales(inputs, pairs)
        if len(pairs.class_index) == 0:
            # Every rank needs a graph to all weights, or the others wait for it for ever.
            return dict.fromkeys(scales, 0 * cams.sum())
        regions = self.encode_regions(
            inputs, cams[pairs.image_index, pairs.class_index][:, None], pairs.image_index
        )
        return {name: scales[name] * loss for name, loss in self.match(regions, pairs).items()}

    def encode_regions(
        self, inputs: Tensor, cams: Tensor, image_index: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Encode the foreground and the background region of every pair.

        One call of CLIP encodes all, unless they are so many that their activations would fill the
        memory. Then groups are encoded one after another, and again in the backward pass.

        Args:
            inputs: Normalised images, ``(B, 3, H, W)``.
            cams: Activations of the pairs, ``(P, 1, P', Q')``.
            image_index: Image of each pair, ``(P,)``.

        Returns:
            Two features ``(P, D)``, not normalised.
        """
        size = self.image_head.input_size
        images = to_clip_input(inputs, self.data_preprocessor, self.image_head)
        images = resize(images, size, align_corners=True)
        at_once = _PIXELS.get(inputs.device.type, _PIXELS['cuda']) // (2 * size[0] * size[1])
        if len(cams) <= at_once:
            return self._encode(images, cams, image_index)
        # the network's own activations need memory too
        step = max(1, at_once // 4)
        groups = [
            checkpoint(self._encode, images, *group, use_reentrant=False, preserve_rng_state=False)
            for group in zip(cams.split(step), image_index.split(step), strict=True)
        ]
        foreground, background = (torch.cat(features) for features in zip(*groups, strict=True))
        return foreground, background

    def _encode(self, images: Tensor, cams: Tensor, image_index: Tensor) -> tuple[Tensor, Tensor]:
        """Encode the regions of pairs in one call; as ``encode_regions``, of CLIP's input."""
        images = images[image_index]
        cams = resize(cams, self.image_head.input_size, align_corners=True)
        mask = None if self.threshold is None else self.threshold(cams)
        regions = torch.cat(region_images(images, cams, mask, self.region_image))
        masks = None
        if mask is not None and self.image_head.mask_prompt is not None:
            masks = torch.cat([mask, 1 - mask])
        foreground, background = self.image_head(regions, masks).chunk(2)
        return foreground, background

    def _lookup(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings (..., D) float32 and validity (...) of rows, -1 = none."""
        if not len(self.text_embeddings):
            self.load_texts()
        return self.text_embeddings[rows.clamp(min=0).long()].float(), rows >= 0


def to_clip_input(inputs: Tensor, data_preprocessor: Any, image_head: Any) -> Tensor:
    """Re-normalise the network's input to that of CLIP's image encoder."""
    # loaded, since a model's own constants are not known before
    if image_head.load().norm == 'imagenet':
        return inputs
    mean, std = (
        inputs.new_tensor(v).view(1, 3, 1, 1)
        for v in (data_preprocessor.mean, data_preprocessor.std)
    )
    return (inputs * std + mean - image_head.mean) / image_head.std
