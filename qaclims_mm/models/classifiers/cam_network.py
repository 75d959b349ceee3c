"""What the baseline classifier, RITC and CLIMS share: logits, and maps over scales and flips."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from math import ceil
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.nn import functional as F

from qaclims_mm.functional.cam import merge_multiscale_cams, sum_over_flips
from qaclims_mm.models.folding import fold_for_test
from qaclims_mm.models.max_pool import speed_up_max_pool
from qaclims_mm.models.strips import Reach, map_within_memory, measure_reach
from qaclims_mm.registry import MODELS

ACTIVATIONS = {'sigmoid': torch.sigmoid, 'relu': torch.relu}


class CAMNetwork(BaseModel):
    """A backbone and a ``CAMHead``.

    Args:
        backbone: Config of any mmseg, mmpretrain or timm backbone.
        cam_head: Config of a ``CAMHead``.
        activation: What makes maps of logits when predicting: ``sigmoid`` (eq. 2) or ``relu`` (the
            released code).
        data_preprocessor: Config of a ``WeakDataPreprocessor``.
        channels_last: Whether the channels of a pixel lie side by side, as convolutions in half
            precision want them on a GPU; no result depends on it. A ResNet that predicts on a CPU
            has them so in any case.
        patch_size: Side in pixels of the patches of a ViT; images are resized to whole patches, so
            that its map covers all of an image. ``None`` leaves them as they are.
        init_cfg: As in mmengine's ``BaseModule``.

    Raises:
        ValueError: If ``activation`` is unknown.
    """

    def __init__(
        self,
        backbone: dict,
        cam_head: dict,
        activation: str = 'relu',
        data_preprocessor: dict | None = None,
        channels_last: bool = False,
        patch_size: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            MODELS.build(data_preprocessor or dict(type='WeakDataPreprocessor')), init_cfg
        )
        if activation not in ACTIVATIONS:
            raise ValueError(
                f'activation must be one of {sorted(ACTIVATIONS)}, but got {activation!r}.'
            )
        self.backbone = speed_up_max_pool(MODELS.build(backbone))
        self.cam_head = MODELS.build(cam_head)
        self.activation = activation
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.patch_size = patch_size
        self.backbone.to(memory_format=self.memory_format)

    def logits(self, inputs: Tensor, backbone: nn.Module | None = None) -> Tensor:
        """Map normalised images to class logits.

        Args:
            inputs: ``(B, 3, H, W)``.
            backbone: Backbone to use in place of the network's own.

        Returns:
            ``(B, K, P, Q)``.
        """
        if self.patch_size:
            inputs = _to_whole_patches(inputs, self.patch_size)
        inputs = inputs.contiguous(memory_format=self.memory_format)
        return self.cam_head((backbone or self.backbone)(inputs))

    def forward(self, inputs: Any, data_samples: Sequence[Any] = (), mode: str = 'tensor') -> Any:
        """Return logits (``tensor``), losses (``loss``) or samples with maps (``predict``).

        Raises:
            ValueError: If ``mode`` is unknown.
        """
        if mode == 'tensor':
            return self.logits(inputs)
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        raise ValueError(f'mode must be tensor, loss or predict, but got {mode!r}.')

    @abstractmethod
    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """Return the losses of a training batch."""

    @torch.no_grad()
    def predict(self, inputs: Sequence[Sequence[Tensor]], data_samples: Sequence[Any]) -> list[Any]:
        """Add ``cam_class_indices`` (n,), ``cam_strided`` (n, h, w), ``cam_high_res`` (n, H, W).

        Copies of equal size, of whatever image, go through the network together.

        Args:
            inputs: For each image its normalised copies ``(3, h, w)``, one a scale.
            data_samples: Have ``class_indices``; a sample with ``failed`` is passed on as it is.
        """
        pairs = zip(inputs, data_samples, strict=True)
        whole = [(scales, sample) for scales, sample in pairs if not sample.get('failed')]
        copies = [image for scales, _ in whole for image in scales]
        backbone = fold_for_test(self.backbone, self.data_preprocessor.device)
        activations = partial(self._activations, backbone=backbone)
        merged = iter(sum_over_flips(partial(self._bounded, activations), copies))
        for scales, sample in whole:
            maps = [next(merged)[sample.class_indices] for _ in scales]
            strided, high_res = merge_multiscale_cams(maps, sample.ori_shape)
            sample.set_field(sample.class_indices, 'cam_class_indices')
            sample.set_field(strided, 'cam_strided')
            sample.set_field(high_res, 'cam_high_res')
        return list(data_samples)

    def _bounded(self, activations: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
        """Map images in strips if the memory does not suffice for them."""
        # what marks the rows of a probe would spoil the statistics of a norm
        if any(module.training for module in self.modules()):
            return activations(images)
        return map_within_memory(activations, images, lambda: self._reach)

    @cached_property
    def _reach(self) -> Reach | None:
        return measure_reach(self.logits, self)

    def _activations(self, images: Tensor, backbone: nn.Module | None = None) -> Tensor:
        """Map normalised images ``(B, 3, H, W)`` to activations ``(B, K, P, Q)``."""
        # image by image: in a larger tensor a CPU rounds the last digit of a sigmoid in another
        # way, and files must not depend on which images were left for a batch
        logits = self.logits(images, backbone)
        return torch.stack([ACTIVATIONS[self.activation](x) for x in logits])


def _to_whole_patches(images: Tensor, side: int) -> Tensor:
    """Resize images ``(B, 3, H, W)`` to the next multiples of a patch's side."""
    size = [ceil(n / side) * side for n in images.shape[-2:]]
    if size == list(images.shape[-2:]):
        return images
    return F.interpolate(images, size=size, mode='bilinear', align_corners=False)


def stack_labels(data_samples: Sequence[Any]) -> Tensor:
    """Return the 0/1 labels of a batch, ``(B, K)``."""
    return torch.stack([s.image_labels for s in data_samples])
