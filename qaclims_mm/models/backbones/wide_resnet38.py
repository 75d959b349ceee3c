"""WideResNet-38 (A1), the backbone of DeepLabV1 in this field.

Shapes: B images, H W pixels.
"""

from mmengine.model import BaseModule
from torch import Tensor, nn

from qaclims_mm.registry import MODELS


def conv3x3(in_channels: int, channels: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """Return a 3x3 convolution without bias that keeps the size at stride 1."""
    return nn.Conv2d(in_channels, channels, 3, stride, dilation, dilation, bias=False)


class PreActBlock(nn.Module):
    """Two 3x3 convolutions, each after a normalisation and a rectification.

    Args:
        in_channels: Of the input.
        mid_channels: Between the two.
        channels: Of the output.
        stride: Of the first convolution.
        first_dilation: Of the first convolution; by default ``dilation``.
        dilation: Of the second convolution.
    """

    def __init__(
        self,
        in_channels: int,
        mid_channels: int,
        channels: int,
        stride: int = 1,
        first_dilation: int | None = None,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = conv3x3(in_channels, mid_channels, stride, first_dilation or dilation)
        self.norm2 = nn.BatchNorm2d(mid_channels)
        self.conv2 = conv3x3(mid_channels, channels, dilation=dilation)
        self.shortcut: nn.Conv2d | None = None
        if in_channels != channels or stride != 1:
            self.shortcut = nn.Conv2d(in_channels, channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Add the branch to the input, or to its projection."""
        active = self.norm1(x).relu()
        kept = x if self.shortcut is None else self.shortcut(active)
        return kept + self.conv2(self.norm2(self.conv1(active)).relu())


class PreActBottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions, each after a normalisation and a rectification.

    Args:
        in_channels: Of the input.
        channels: Of the output; a quarter and a half of them are in between.
        dilation: Of the 3x3 convolution.
        dropout: Share of whole channels that training leaves out before the last two.
    """

    def __init__(self, in_channels: int, channels: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels // 4, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels // 4)
        self.conv2 = conv3x3(channels // 4, channels // 2, dilation=dilation)
        self.norm3 = nn.BatchNorm2d(channels // 2)
        self.conv3 = nn.Conv2d(channels // 2, channels, 1, bias=False)
        self.shortcut = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Add the branch to the input's projection."""
        active = self.norm1(x).relu()
        branch = self.dropout(self.norm2(self.conv1(active)).relu())
        branch = self.dropout(self.norm3(self.conv2(branch)).relu())
        return self.shortcut(active) + self.conv3(branch)


@MODELS.register_module()
class WideResNet38(BaseModule):
    """Output stride 8, 4096 channels.

    Args:
        width: Channels of the stem; the stages have 2, 4, 8, 16, 32 and 64 times as many.
        bn_momentum: How fast the normalisations' statistics move.
        init_cfg: As in mmengine's ``BaseModule``.

    Source:
        YudeWang/semantic-segmentation-codebase (facts/segmentation-recipes.md, 7b).
    """

    def __init__(
        self, width: int = 64, bn_momentum: float = 3e-4, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        w = width
        self.stem = conv3x3(3, w)
        self.stages = nn.Sequential(
            self._stage(w, 2 * w, 3, stride=2),
            self._stage(2 * w, 4 * w, 3, stride=2),
            self._stage(4 * w, 8 * w, 6, stride=2),
            nn.Sequential(
                PreActBlock(8 * w, 8 * w, 16 * w, first_dilation=1, dilation=2),
                PreActBlock(16 * w, 8 * w, 16 * w, dilation=2),
                PreActBlock(16 * w, 8 * w, 16 * w, dilation=2),
            ),
            nn.Sequential(PreActBottleneck(16 * w, 32 * w, dilation=4, dropout=0.3)),
            nn.Sequential(PreActBottleneck(32 * w, 64 * w, dilation=4, dropout=0.5)),
        )
        self.norm = nn.BatchNorm2d(64 * w)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = bn_momentum

    @staticmethod
    def _stage(in_channels: int, channels: int, blocks: int, stride: int) -> nn.Sequential:
        first = PreActBlock(in_channels, channels, channels, stride)
        others = [PreActBlock(channels, channels, channels) for _ in range(blocks - 1)]
        return nn.Sequential(first, *others)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Map images ``(B, 3, H, W)`` to features ``(B, 4096, ceil(H/8), ceil(W/8))``."""
        return (self.norm(self.stages(self.stem(x))).relu(),)
