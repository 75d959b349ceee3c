"""The dense CRF on any device: Gaussian filters by convolution and by a sparse grid.

Shapes: N labels, H W pixels, D features of a pixel, G occupied cells of the grid.
"""

import itertools

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from qaclims_mm.functional.crf_labels import CRFSettings


def gaussian_blur(maps: Tensor, sigma: float) -> Tensor:
    """Return maps ``(N, H, W)`` under exp(-d^2 / 2 sigma^2), not normalised, 0 beyond borders."""
    reach = max(1, round(4 * sigma))
    steps = torch.arange(-reach, reach + 1, dtype=maps.dtype, device=maps.device)
    kernel = (-0.5 * (steps / sigma) ** 2).exp()
    maps = F.conv2d(maps[:, None], kernel.view(1, 1, 1, -1), padding=(0, reach))
    return F.conv2d(maps, kernel.view(1, 1, -1, 1), padding=(reach, 0))[:, 0]


class SparseGrid:
    """Filters values at points of a space by a Gaussian of deviation 1.

    Each value is spread linearly over the 2^D corners of its cell of side 1, the occupied corners
    are averaged with their neighbours along each axis, and read back linearly. The three have
    variances 1/6, 2/3 and 1/6 along an axis, those of the Gaussian together.

    Args:
        points: Features in units of their deviation, ``(P, D)``.
    """

    def __init__(self, points: Tensor) -> None:
        points = points - points.amin(0)
        base = points.floor()
        rest, base = points - base, base.long() + 1
        sides = base.amax(0) + 3
        # the last axis runs fastest
        stride = torch.cat([sides.flip(0).cumprod(0).flip(0)[1:], sides.new_ones(1)])
        keys, weights = [], []
        for corner in itertools.product((0, 1), repeat=points.shape[1]):
            up = torch.tensor(corner, device=points.device)
            keys.append(((base + up) * stride).sum(1))
            weights.append(torch.where(up.bool(), rest, 1 - rest).prod(1))
        self.weights = torch.stack(weights)
        cells, self.index = torch.stack(keys).unique(return_inverse=True)
        self.number = len(cells)
        self.neighbours = [
            [self._find(cells, cells + way * step) for way in (-1, 1)] for step in stride.tolist()
        ]

    def _find(self, cells: Tensor, wanted: Tensor) -> Tensor:
        """Return where cells stand, ``number`` (an empty one) for those that are not there."""
        place = torch.searchsorted(cells, wanted).clamp(max=len(cells) - 1)
        return torch.where(cells[place] == wanted, place, len(cells))

    def filter(self, values: Tensor) -> Tensor:
        """Return the sums ``(N, P)`` of values ``(N, P)`` under the Gaussian, not normalised."""
        cells = values.new_zeros(len(values), self.number + 1)
        for index, weight in zip(self.index, self.weights, strict=True):
            cells.index_add_(1, index, values * weight)
        for before, after in self.neighbours:
            # a third of each makes the variance 2/3
            blurred = (cells[:, :-1] + cells[:, before] + cells[:, after]) / 3
            cells = F.pad(blurred, (0, 1))
        out = torch.zeros_like(values)
        for index, weight in zip(self.index, self.weights, strict=True):
            out += cells[:, index] * weight
        # a Gaussian of deviation 1 has the area sqrt(2 pi) along each axis
        return out * (2 * torch.pi) ** (len(self.neighbours) / 2)


class TorchDenseCRF:
    """As ``functional.crf.DenseCRF``, without its library, on any device.

    The lattice of that library is another approximation of the same Gaussian, so labels differ
    along contours; docs/benchmarks.md has how much.

    Args:
        image: uint8 ``(H, W, 3)``.
        number: N, at least 2.
        settings: Kernels and steps.
        device: Where the field lives.
    """

    def __init__(
        self,
        image: np.ndarray,
        number: int,
        settings: CRFSettings,
        device: torch.device | str = 'cpu',
    ) -> None:
        self.shape, self.settings = (number, *image.shape[:2]), settings
        pixels = torch.from_numpy(np.array(image)).to(device).float()
        rows, columns = torch.meshgrid(
            *(torch.arange(n, device=pixels.device).float() for n in image.shape[:2]), indexing='ij'
        )
        place = torch.stack([rows, columns], -1) / settings.bilateral_xy
        points = torch.cat([place, pixels / settings.bilateral_rgb], -1)
        self.grid = SparseGrid(points.flatten(0, 1))
        one = pixels.new_ones(1, *image.shape[:2])
        # symmetric normalisation, so that a lonely pixel gets as much as one among many
        self.scales = [self._filter(k, one).clamp(min=1e-20).rsqrt() for k in (0, 1)]

    def _filter(self, kernel: int, maps: Tensor) -> Tensor:
        if kernel == 0:
            return gaussian_blur(maps, self.settings.gaussian_xy)
        return self.grid.filter(maps.flatten(1)).view_as(maps)

    @torch.no_grad()
    def __call__(self, energy: np.ndarray) -> np.ndarray:
        """Return probabilities ``(N, H, W)`` for energies, minus log-probabilities, of that shape.

        Raises:
            ValueError: If the energies are of another shape.
        """
        if energy.shape != self.shape:
            raise ValueError(f'energies must be {self.shape}, but got {energy.shape}.')
        unary = -torch.from_numpy(energy).to(self.scales[0])
        belief = unary.softmax(0)
        weights = (self.settings.gaussian_weight, self.settings.bilateral_weight)
        for _ in range(self.settings.steps):
            message = unary
            for kernel, (weight, scale) in enumerate(zip(weights, self.scales, strict=True)):
                message = message + weight * scale * self._filter(kernel, belief * scale)
            belief = message.softmax(0)
        return belief.cpu().numpy()
