"""What the baseline classifier, RITC and CLIMS share: logits, and maps over scales and flips."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor

from qaclims_mm.functional.cam import merge_multiscale_cams
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
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            MODELS.build(data_preprocessor or dict(type='WeakDataPreprocessor')), init_cfg
        )
        if activation not in ACTIVATIONS:
            raise ValueError(
                f'activation must be one of {sorted(ACTIVATIONS)}, but got {activation!r}.'
            )
        self.backbone = MODELS.build(backbone)
        self.cam_head = MODELS.build(cam_head)
        self.activation = activation

    def logits(self, inputs: Tensor) -> Tensor:
        """Map normalised images ``(B, 3, H, W)`` to class logits ``(B, K, P, Q)``."""
        return self.cam_head(self.backbone(inputs))

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
        """Add the maps: ``cam_keys`` (n,), ``cam_strided`` (n, h, w), ``cam_high_res`` (n, H, W).

        Args:
            inputs: For each image its normalised copies ``(3, h, w)``, one a scale.
            data_samples: Have ``pairs``; a sample with ``failed`` is passed on as it is.
        """
        for scales, sample in zip(inputs, data_samples, strict=True):
            if sample.get('failed'):
                continue
            maps = [self._flip_merged(image)[sample.pairs] for image in scales]
            strided, high_res = merge_multiscale_cams(maps, sample.ori_shape)
            sample.set_field(sample.pairs, 'cam_keys')
            sample.set_field(strided, 'cam_strided')
            sample.set_field(high_res, 'cam_high_res')
        return list(data_samples)

    def _flip_merged(self, image: Tensor) -> Tensor:
        """Return the maps ``(K, P, Q)`` of an image plus those of its mirror image."""
        maps = ACTIVATIONS[self.activation](self.logits(torch.stack([image, image.flip(-1)])))
        return maps[0] + maps[1].flip(-1)


def stack_labels(data_samples: Sequence[Any]) -> Tensor:
    """Return the 0/1 labels of a batch, ``(B, K)``."""
    return torch.stack([s.image_labels for s in data_samples])
