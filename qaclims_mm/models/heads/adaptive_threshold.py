"""FAT as a module."""

from torch import Tensor, nn

from qaclims_mm.functional.thresholding import foreground_adaptive_threshold
from qaclims_mm.registry import MODELS


@MODELS.register_module()
class ForegroundAdaptiveThreshold(nn.Module):
    """Eq. 9-10; see ``functional.thresholding``.

    Args:
        omega: Fraction of each map's peak, in [0, 1]; 0 switches the thresholding off.
    """

    def __init__(self, omega: float = 0.1) -> None:
        super().__init__()
        self.omega = omega

    def forward(self, cams: Tensor) -> Tensor:
        """Return the 0/1 mask of ``cams`` ``(..., H, W)``."""
        return foreground_adaptive_threshold(cams, self.omega)
