"""Max-pooling in a fraction of the time on a CPU, to the same bits.

Shapes: B images, C channels, H W pixels, P Q cells.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

_OPTIONS = ('kernel_size', 'stride', 'padding', 'dilation', 'ceil_mode')


class _ChannelsLastPool(torch.autograd.Function):
    """Pools with the channels of a pixel side by side, which torch does for many at once.

    The gradient has torch's fast way in the common format only.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, options: tuple) -> Tensor:
        inputs = x.contiguous(memory_format=torch.channels_last)
        values = dict(zip(_OPTIONS, options, strict=True))
        out, places = F.max_pool2d(inputs, **values, return_indices=True)
        ctx.save_for_backward(x, places)
        ctx.options = options
        return out.contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        x, places = ctx.saved_tensors
        backward = torch.ops.aten.max_pool2d_with_indices_backward
        return backward(grad.contiguous(), x, *ctx.options, places.contiguous()), None


class FastMaxPool2d(nn.MaxPool2d):
    """As torch's ``MaxPool2d``, whose result it has to the bit."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, P, Q)``."""
        is_traced = torch.compiler.is_compiling() or torch.jit.is_tracing()
        is_common = x.device.type == 'cpu' and x.dim() == 4 and x.is_contiguous()
        if is_traced or not is_common or self.return_indices:
            return super().forward(x)
        pairs = ('kernel_size', 'stride', 'padding', 'dilation')
        sizes = [_as_pair(getattr(self, name)) for name in pairs]
        return _ChannelsLastPool.apply(x, (*sizes, self.ceil_mode))


def _as_pair(value: Any) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)


def speed_up_max_pool(model: nn.Module) -> nn.Module:
    """Replace every ``MaxPool2d`` of a model in place; returns the model."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is nn.MaxPool2d:
                values = {option: getattr(child, option) for option in _OPTIONS}
                setattr(module, name, FastMaxPool2d(**values, return_indices=child.return_indices))
    return model
