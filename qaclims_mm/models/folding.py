"""A copy of a ResNet that runs faster on a CPU and gives the same features.

Shapes: B images, C D channels, H W cells.
"""

from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from weakref import WeakKeyDictionary

import torch
from mmseg.models.backbones import ResNet
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from qaclims_mm.functional.winograd import winograd_conv2d, winograd_weight

# with fewer channels, the additions of a Winograd convolution cost more than its products save
_MANY_CHANNELS = 256


class WinogradConv2d(nn.Module):
    """A convolution of 3 x 3 that a Winograd transform computes.

    Args:
        conv: Convolution with stride 1, dilation 1, padding 1 and a bias.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.register_buffer('weight', winograd_weight(conv.weight))
        self.register_buffer('bias', conv.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, D, H, W)``."""
        return winograd_conv2d(inputs, self.weight, self.bias)


@dataclass
class _Folded:
    """A folded copy, and what it was made from.

    Attributes:
        form: Result of ``_form_of``.
        tensors: Weights as they were.
        copy: Backbone to test with.
    """

    form: Any
    tensors: list[Tensor]
    copy: nn.Module


# {backbone: its copy}, as long as there is the backbone
_FOLDED: WeakKeyDictionary[nn.Module, _Folded] = WeakKeyDictionary()


@torch.no_grad()
def fold_for_test(backbone: nn.Module, device: torch.device) -> nn.Module:
    """Return a copy of a backbone for a test batch.

    On a CPU, a ResNet in eval mode gets its batch norms folded into the convolutions before them.
    The channels of a pixel lie side by side, and wide convolutions of 3 x 3 are Winograd's, unless
    autocast computes in half precision. Features differ by rounding alone. Any other backbone is
    returned itself, and so is any backbone on a GPU.

    The copy is kept for further batches. It is made anew when the weights are no longer those that
    it was made from.

    Args:
        backbone: Backbone of a network; it is not changed.
        device: Device of the images.
    """
    if device.type != 'cpu' or not isinstance(backbone, ResNet) or backbone.training:
        return backbone
    tensors = [*backbone.parameters(), *backbone.buffers()]
    form, known = _form_of(backbone, tensors), _FOLDED.get(backbone)
    # by their values: what is written through ``.data``, as by mmengine's EMA, has no new version
    if known is None or known.form != form or not all(map(torch.equal, known.tensors, tensors)):
        # the weights themselves are not copied: folding makes new ones
        copy = deepcopy(backbone, {id(tensor): tensor for tensor in tensors})
        for module in list(copy.modules()):
            _fold_children(module)
        known = _FOLDED[backbone] = _Folded(form, [t.clone() for t in tensors], copy)
    return known.copy


def _form_of(backbone: nn.Module, tensors: list[Tensor]) -> Any:
    """Return what a folded copy depends on beside the values of the weights."""
    return (
        torch.is_autocast_enabled('cpu'),
        [(id(module), module.training) for module in backbone.modules()],
        [(tensor.shape, tensor.dtype) for tensor in tensors],
    )


def _fold_children(module: nn.Module) -> None:
    """Replace each convolution that a batch norm follows, and that norm."""
    children = list(module.named_children())
    # a ResNet registers each norm right after its convolution
    for (name, conv), (norm_name, norm) in pairwise(children):
        if not isinstance(conv, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d):
            continue
        # a subclass may do more than convolve or normalise
        is_plain = type(conv) is nn.Conv2d and type(norm) is nn.BatchNorm2d
        if is_plain and not norm.training and norm.running_mean is not None:
            setattr(module, name, _faster(fuse_conv_bn_eval(conv.eval(), norm)))
            setattr(module, norm_name, nn.Identity())


def _faster(conv: nn.Conv2d) -> nn.Module:
    """Return a convolution in the form that a CPU computes fastest."""
    kind = (conv.kernel_size, conv.stride, conv.dilation, conv.padding, conv.groups)
    is_plain = kind == ((3, 3), (1, 1), (1, 1), (1, 1), 1)
    is_wide = min(conv.in_channels, conv.out_channels) >= _MANY_CHANNELS
    # in half precision, the sums of the transform would lose digits
    if is_plain and is_wide and not torch.is_autocast_enabled('cpu'):
        return WinogradConv2d(conv)
    return conv.to(memory_format=torch.channels_last)
