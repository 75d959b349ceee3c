"""IRN's two branches over the stages of a backbone, five in the paper.

Shapes: B images, h w cells of the second stage.
"""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from qaclims_mm.registry import MODELS


def branch(in_channels: int, channels: int, groups: int) -> nn.Sequential:
    """Return a 1x1 convolution and a group normalisation."""
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, bias=False), nn.GroupNorm(groups, channels)
    )


def enlarge(maps: Tensor, factor: float, like: Tensor) -> Tensor:
    """Upsample by a factor, rectify, and crop to the size of another map."""
    if factor != 1:
        maps = F.interpolate(maps, scale_factor=factor, mode='bilinear', align_corners=False)
    height, width = like.shape[-2:]
    return maps.relu()[..., :height, :width]


@MODELS.register_module()
class IRNEdgeHead(BaseModule):
    """Boundaries between classes, logits at the second stage's size.

    Args:
        in_channels: Of the stages.
        strides: Of the stages in pixels, the first two alike.
        channels: Of each branch.
        init_cfg: As in mmengine's ``BaseModule``.

    Source:
        net/resnet50_irn.py of the released code (facts item 26a).
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        strides: Sequence[int],
        channels: int = 32,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.branches = nn.ModuleList(branch(c, channels, 4) for c in in_channels)
        self.factors = [s / strides[1] for s in strides]
        self.fuse = nn.Conv2d(channels * len(in_channels), 1, 1)

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """Map the feature maps to ``(B, 1, h, w)``."""
        maps = [
            enlarge(layer(x), factor, stages[1])
            for layer, factor, x in zip(self.branches, self.factors, stages, strict=True)
        ]
        return self.fuse(torch.cat(maps, 1))


@MODELS.register_module()
class IRNDisplacementHead(BaseModule):
    """Displacements to the centre of each cell's object, at the second stage's size.

    Args:
        in_channels: Of the stages.
        strides: Of the stages in pixels, the first two alike.
        channels: Of the branches, one a stage; the first two are shallow, the others deep.
        init_cfg: As in mmengine's ``BaseModule``.

    Source:
        net/resnet50_irn.py of the released code (facts item 26a).
    """

    mean: Tensor

    def __init__(
        self,
        in_channels: Sequence[int],
        strides: Sequence[int],
        channels: Sequence[int] = (64, 128, 256, 256, 256),
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        groups = [8] + [16] * (len(channels) - 1)
        self.branches = nn.ModuleList(
            branch(c, d, g) for c, d, g in zip(in_channels, channels, groups, strict=True)
        )
        self.factors = [max(s / strides[2], 1) for s in strides]
        self.factor = strides[2] / strides[1]
        self.deep = branch(sum(channels[2:]), channels[-1], 16)
        shallow = channels[0] + channels[1] + channels[-1]
        self.fuse = nn.Sequential(
            *branch(shallow, channels[-1], 16),
            nn.ReLU(),
            nn.Conv2d(channels[-1], 2, 1, bias=False),
        )
        # set when training ends, by the mean over the training images
        self.register_buffer('mean', torch.zeros(2))

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """Map the feature maps to (dy, dx) in cells, ``(B, 2, h, w)``; centred but in training."""
        maps = [
            enlarge(layer(x), factor, stages[min(number, 2)])
            for number, (layer, factor, x) in enumerate(
                zip(self.branches, self.factors, stages, strict=True)
            )
        ]
        deep = enlarge(self.deep(torch.cat(maps[2:], 1)), self.factor, stages[1])
        displacement = self.fuse(torch.cat([*maps[:2], deep], 1))
        return displacement if self.training else displacement - self.mean[None, :, None, None]
