"""Mixed precision: which kind a machine needs, and bfloat16 without a loss scale."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from torch import nn

from qaclims_mm.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class Bfloat16OptimWrapper(OptimWrapper):
    """Trains under autocast in bfloat16, on GPUs and CPUs; weights and their updates are float32.

    The gradients have float32's range, so they need none of the loss scale of mmengine's
    ``AmpOptimWrapper``, whose check of every step's gradients waits for the GPU.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Wrap a forward pass.

        Args:
            model: Whose device it runs on.
        """
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16):
            yield


def mixed_precision_wrapper() -> str:
    """Return the type of the optimizer's wrapper that this machine's mixed precision needs."""
    if not torch.cuda.is_available() or torch.cuda.is_bf16_supported(including_emulation=False):
        return 'Bfloat16OptimWrapper'
    return 'AmpOptimWrapper'
