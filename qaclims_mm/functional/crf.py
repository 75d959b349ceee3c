"""The dense CRF of two Gaussian kernels, without approximating its lattice, on any device.

Shapes: F fields of one picture, N labels with the background, H W pixels.
"""

from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from qaclims_mm.functional.permutohedral import PermutohedralFilter

# columns that a filter takes at once; more would only need more memory
_COLUMNS = 32
# bytes a pixel of a photograph, measured: both lattices and what makes them, and what a label takes
_BYTES_OF_LATTICES, _BYTES_OF_LABEL = 400, 34
Array = TypeVar('Array', np.ndarray, Tensor)


class CRFSettings(NamedTuple):
    """The two kernels and the number of mean-field steps.

    By default those of the released code (misc/imutils.py), which are IRN's: distances in pixels,
    ``bilateral_rgb`` in grey levels.
    """

    steps: int = 10
    gaussian_xy: float = 3
    gaussian_weight: float = 3
    bilateral_xy: float = 50
    bilateral_rgb: float = 5
    bilateral_weight: float = 10


class DenseCRF:
    """The dense CRF of one image; its lattices are built once for any number of inferences.

    Args:
        image: RGB uint8, ``(H, W, 3)``.
        settings: Kernels and number of steps.
        device: Device of the computation.

    Raises:
        ValueError: If the image is no such array, or a kernel is too narrow for it.

    Source:
        Kraehenbuehl and Koltun, Efficient Inference in Fully Connected CRFs, 2011; Potts model,
        symmetric normalisation.
    """

    def __init__(
        self,
        image: np.ndarray,
        settings: CRFSettings | None = None,
        device: str | torch.device = 'cpu',
    ) -> None:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(
                f'the image must be uint8 (H, W, 3), but is {image.dtype} {image.shape}.'
            )
        settings = settings or CRFSettings()
        self.size, self.steps, self.device = image.shape[:2], settings.steps, torch.device(device)
        near = PermutohedralFilter(self._places(settings.gaussian_xy).flatten(0, 1))
        alike = PermutohedralFilter(self._colours(image, settings).flatten(0, 1))
        near.normalise(settings.gaussian_weight)
        alike.normalise(settings.bilateral_weight)
        self.kernels = near, alike

    def _places(self, unit: float, more: int = 0) -> Tensor:
        """Return column and row of each pixel in a unit, ``(H, W, 2)``, and room for more."""
        rows, columns = (torch.arange(n, device=self.device) for n in self.size)
        features = torch.empty(*self.size, 2 + more, device=self.device)
        features[..., 0], features[..., 1] = columns / unit, (rows / unit)[:, None]
        return features

    def _colours(self, image: np.ndarray, settings: CRFSettings) -> Tensor:
        """Return place and colour of each pixel, ``(H, W, 5)``."""
        features = self._places(settings.bilateral_xy, 3)
        # a copy, since torch takes no arrays that must not be written, as Pillow's are
        pixels = torch.from_numpy(image.copy()).to(self.device)
        torch.div(pixels, settings.bilateral_rgb, out=features[..., 2:])
        return features

    @torch.no_grad()
    def __call__(self, energies: Array) -> Array:
        """Return probabilities ``(F, N, H, W)``, float32, as an array or tensor.

        Args:
            energies: Minus log-probabilities of that shape.

        Raises:
            ValueError: If they have another shape, or NaN or infinite values.
        """
        shape = tuple(energies.shape)
        if len(shape) != 4 or shape[2:] != tuple(self.size):
            wanted = ', '.join(map(str, self.size))
            raise ValueError(f'energies must be (F, N, {wanted}), but got {shape}.')
        if isinstance(energies, Tensor):
            return self._infer(energies.to(self.device, torch.float32))
        given = torch.from_numpy(np.require(energies, np.float32, ['C', 'W'])).to(self.device)
        return self._infer(given).cpu().numpy()

    def _infer(self, energies: Tensor) -> Tensor:
        # neither needs a copy of the energies, as isfinite would
        lowest, highest = energies.flatten(1).aminmax(dim=1)
        finite = lowest.isfinite() & highest.isfinite()
        if not finite.all():
            bad = (~finite).nonzero()[:, 0].tolist()
            raise ValueError(f'the energies of the fields {bad} have NaN or infinite values.')
        energies = energies.flatten(2)
        # the scores of each step overwrite the beliefs of which they are made
        beliefs = _make_softmax(-energies)
        columns = min(_COLUMNS, energies.shape[0] * energies.shape[1])
        space = energies.new_empty(2, max(k.size for k in self.kernels) * columns)
        for _ in range(self.steps):
            for part in beliefs.flatten(0, 1).split(_COLUMNS):
                # of one column, contiguous() would be no copy
                values = part.t().clone(memory_format=torch.contiguous_format)
                sums = part.zero_().view(values.shape)
                for kernel in self.kernels:
                    kernel.add(values, sums, space)
                part.copy_(values.copy_(sums).t())
            _make_softmax(beliefs.sub_(energies))
        return beliefs.unflatten(2, self.size)


def _make_softmax(scores: Tensor) -> Tensor:
    """Turn scores ``(F, N, P)`` into probabilities where they lie, and return them."""
    scores -= scores.amax(1, keepdim=True)
    scores.exp_()
    return scores.div_(scores.sum(1, keepdim=True))


def memory_of_fields(fields: int, labels: int, height: int, width: int) -> int:
    """Return the bytes that fields of a photograph take; noise may take three times as many."""
    return height * width * (_BYTES_OF_LATTICES + _BYTES_OF_LABEL * fields * labels)


def dense_crf(image: np.ndarray, energies: Array, settings: CRFSettings | None = None) -> Array:
    """Return the probabilities of several fields of one image, whose lattices are built once.

    Args:
        image: RGB uint8, ``(H, W, 3)``.
        energies: Minus log-probabilities, ``(F, N, H, W)``. A tensor stays on its device.
        settings: Kernels and number of steps.

    Returns:
        Probabilities, float32 ``(F, N, H, W)``; an array or a tensor, like ``energies``.

    Raises:
        ValueError: As in ``DenseCRF``.
    """
    device = energies.device if isinstance(energies, Tensor) else 'cpu'
    return DenseCRF(image, settings, device)(energies)
