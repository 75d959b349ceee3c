"""CLIP's activation with fewer passes over memory, which is what it costs."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

SLOPE = 1.702


class _QuickGELUFunction(torch.autograd.Function):
    """x sigmoid(1.702 x), which is silu(1.702 x) / 1.702."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        scaled = SLOPE * x
        ctx.save_for_backward(scaled)
        return F.silu(scaled).div_(SLOPE)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (scaled,) = ctx.saved_tensors
        # the two slopes of the chain rule cancel
        return torch.ops.aten.silu_backward(grad, scaled)


class FastQuickGELU(nn.Module):
    """As open_clip's ``QuickGELU``; one tensor is kept for the backward pass instead of three."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation, of any shape."""
        if torch.compiler.is_compiling():
            # a compiler fuses the passes itself, and cannot look into ours
            return x * torch.sigmoid(SLOPE * x)
        return _QuickGELUFunction.apply(x)


def speed_up_quick_gelu(model: nn.Module) -> nn.Module:
    """Replace every ``QuickGELU`` of an open_clip model in place; returns the model."""
    from open_clip.transformer import QuickGELU

    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, QuickGELU):
                setattr(module, name, FastQuickGELU())
    return model
