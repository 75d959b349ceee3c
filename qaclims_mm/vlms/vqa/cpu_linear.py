"""Linear layers in the forms that a CPU multiplies fastest, for networks that are not trained."""

import torch
from torch import Tensor, nn

# rows for which oneDNN chooses the order of the weights; it is the same one for 16 to 1000
_ROWS = 64


class PackedLinear(nn.Module):
    """A linear layer whose weights are stored in the order in which oneDNN reads them.

    The products are those of ``nn.Linear`` but for rounding. MKL, which multiplies there, reorders
    the weights in every call and does not use AVX-512 on every processor.

    Args:
        linear: A float32 layer on the CPU.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), _ROWS)
        self._bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """Return the products ``(..., out)`` of float32 ``(..., in)``."""
        return torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, 'none', [], '')


class Int8Linear(nn.Module):
    """A linear layer with weights of 8 bits, which rounds each input row to 8 bits too.

    Each output of the layer and each row of the input has its own scale, so that a row's result
    does not depend on the rows beside it.

    Args:
        linear: A float32 layer on the CPU.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight, scale = _round(linear.weight.detach())
        self._weight, self._scale = weight.T, scale[:, 0]
        self._bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """Return the products ``(..., out)`` of float32 ``(..., in)``."""
        rows, scale = _round(x.flatten(0, -2))
        product = torch._int_mm(rows, self._weight).float().mul_(scale).mul_(self._scale)
        if self._bias is not None:
            product.add_(self._bias)
        return product.view(*x.shape[:-1], len(self._scale))


def _round(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return rows ``(M, N)`` as int8 in -127 .. 127, and their scales ``(M, 1)``."""
    scale = rows.abs().amax(1, keepdim=True).clamp(min=torch.finfo(rows.dtype).tiny) / 127
    return (rows / scale).round_().to(torch.int8), scale


def can_pack() -> bool:
    """Return whether this processor's linear layers gain by ``PackedLinear``."""
    vectors = torch.backends.cpu.get_cpu_capability() in ('AVX2', 'AVX512')
    return torch.backends.mkldnn.is_available() and vectors


def replace_linears(network: nn.Module, kind: type[PackedLinear] | type[Int8Linear]) -> None:
    """Replace all linear layers inside a network; their float32 weights are freed.

    Args:
        network: Float32, on the CPU.
        kind: What replaces them.
    """
    for module in list(network.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Linear:
                setattr(module, name, kind(child))
