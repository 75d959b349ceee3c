"""What is exported of a network: from RGB bytes to logits or maps, with all that lies between.

Shapes: B images of H by W pixels, N classes with the background, K without it.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from qaclims_mm.models.classifiers.cam_classifier import CAMClassifier
from qaclims_mm.models.classifiers.cam_network import ACTIVATIONS

# multiple to which the size of maps is rounded up, as in merge_multiscale_cams
_STRIDE = 16
_EPS = 1e-5


class SegmentorGraph(nn.Module):
    """A segmentor of mmseg, from pixels to masks.

    Args:
        model: The segmentor.
    """

    outputs = ('logits', 'mask')
    mean: Tensor
    std: Tensor

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        prepare = model.data_preprocessor
        # without normalisation, mmengine has no numbers
        mean, std = (getattr(prepare, name, None) for name in ('mean', 'std'))
        self.register_buffer('mean', torch.zeros(3, 1, 1) if mean is None else mean)
        self.register_buffer('std', torch.ones(3, 1, 1) if std is None else std)
        # a pipeline reads BGR, which the preprocessor may turn
        self.takes_rgb = bool(prepare._channel_conversion)
        self.divisor = int((getattr(prepare, 'test_cfg', None) or {}).get('size_divisor') or 1)
        self.pad_value = float(prepare.pad_val)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Segment images.

        Args:
            image: RGB uint8 ``(B, 3, H, W)``.

        Returns:
            Logits ``(B, N, H, W)``, and the values of the mask, int64 ``(B, H, W)``.
        """
        height, width = image.shape[-2:]
        x = image.float()
        x = ((x if self.takes_rgb else x.flip(1)) - self.mean) / self.std
        if self.divisor > 1:
            missing = [(self.divisor - n % self.divisor) % self.divisor for n in (width, height)]
            x = F.pad(x, (0, missing[0], 0, missing[1]), value=self.pad_value)
        seen = tuple(x.shape[-2:])
        logits = self.model.encode_decode(x, [dict(img_shape=seen, pad_shape=seen)])
        logits = logits[..., :height, :width]
        return logits, logits.argmax(1)


class MapsGraph(nn.Module):
    """A network of activation maps, at one scale and with the mirror image, as it is tested.

    Args:
        model: The network.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.activation = ACTIVATIONS[model.activation]
        for name in ('mean', 'std'):
            values = torch.tensor(getattr(model.data_preprocessor, name)) * 255
            self.register_buffer(name, values[:, None, None])
        # only what was trained to tell has scores
        self.tells = isinstance(model, CAMClassifier)
        self.outputs = ('maps', 'scores') if self.tells else ('maps',)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Make the maps of images.

        Args:
            image: RGB uint8 ``(B, 3, H, W)``.

        Returns:
            Maps in [0, 1] of all classes ``(B, K, H, W)``; of a classifier, the probability of each
            class, ``(B, K)``, too.
        """
        x = (image.float() - self.mean) / self.std
        logits = self.model.logits(x)
        mirrored = self.activation(self.model.logits(x.flip(-1))).flip(-1)
        maps = _normalised(self.activation(logits) + mirrored, image.shape[-2], image.shape[-1])
        return (maps, logits.mean(dim=(-2, -1)).sigmoid()) if self.tells else (maps,)


def _normalised(maps: Tensor, height: int, width: int) -> Tensor:
    """Return maps at the size of the image, each divided by its peak."""
    # rounded up without a negative number, which ONNX divides in another way
    padded = [(n + _STRIDE - 1) // _STRIDE * _STRIDE for n in (height, width)]
    large = F.interpolate(maps, size=padded, mode='bilinear', align_corners=False)
    cut = large[..., :height, :width]
    return cut / (cut.amax(dim=(-2, -1), keepdim=True) + _EPS)
