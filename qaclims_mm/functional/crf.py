"""The dense CRF of two Gaussian kernels, without approximating its lattice, on any device.

Shapes: F fields of one picture, N labels with the background, H W pixels.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from qaclims_mm.functional.permutohedral import PermutohedralFilter

# columns that a filter takes at once; more are no faster, measured, and need more memory
_COLUMNS = 12
# bytes a pixel of a photograph, measured: both lattices and what makes them, what each label of a
# field takes, and what each column in the filters takes
_BYTES_OF_LATTICES, _BYTES_OF_LABEL, _BYTES_OF_COLUMN = 330, 10, 16
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
        _check_image(image)
        settings = settings or CRFSettings()
        self.size, self.steps, self.device = image.shape[:2], settings.steps, torch.device(device)
        # the larger one first: the smaller one fits into what the larger one has freed
        alike = PermutohedralFilter(self._colours(image, settings).flatten(0, 1))
        near = PermutohedralFilter(self._places(settings.gaussian_xy).flatten(0, 1))
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
        _check_shape(energies, self.size)
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
        energies = energies.flatten(2).contiguous()
        # the scores of each step overwrite the beliefs of which they are made
        beliefs = _make_softmax(-energies)
        columns = min(_COLUMNS, energies.shape[0] * energies.shape[1])
        space = energies.new_empty(2, max(k.size for k in self.kernels) * columns)
        for _ in range(self.steps):
            flat = beliefs.flatten(0, 1), energies.flatten(0, 1)
            for part, costs in zip(*(x.split(_COLUMNS) for x in flat), strict=True):
                # of one column, contiguous() would be no copy
                values = part.t().clone(memory_format=torch.contiguous_format)
                scores = part.view(values.shape)
                torch.neg(costs.t(), out=scores)
                for kernel in self.kernels:
                    kernel.add(values, scores, space)
                part.copy_(values.copy_(scores).t())
            _make_softmax(beliefs)
        return beliefs.unflatten(2, self.size)


def _make_softmax(scores: Tensor) -> Tensor:
    """Turn scores ``(F, N, P)`` into probabilities where they lie, and return them."""
    scores -= scores.amax(1, keepdim=True)
    scores.exp_()
    return scores.div_(scores.sum(1, keepdim=True))


def _check_image(image: np.ndarray) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f'the image must be uint8 (H, W, 3), but is {image.dtype} {image.shape}.')
    if not image.size:
        raise ValueError(f'the image has no pixels; its shape is {image.shape}.')


def _check_shape(energies: Array, size: Sequence[int]) -> None:
    shape = tuple(energies.shape)
    if len(shape) != 4 or shape[2:] != tuple(size) or not shape[1]:
        wanted = ', '.join(map(str, size))
        raise ValueError(f'energies must be (F, N, {wanted}), N at least 1, but got {shape}.')


def memory_of_fields(fields: int, labels: int, height: int, width: int) -> int:
    """Return the bytes that the dense CRF of a photograph takes, with its energies.

    A picture of noise takes up to twice as many.
    """
    columns = fields * labels
    filtered = _BYTES_OF_COLUMN * min(columns, _COLUMNS)
    return height * width * (_BYTES_OF_LATTICES + _BYTES_OF_LABEL * columns + filtered)


def largest_size(height: int, width: int, pixels: int) -> tuple[int, int]:
    """Return the size of the same shape, or nearly, that has at most so many pixels, 1 or more."""
    factor = math.sqrt(pixels / (height * width))
    rows = max(1, int(height * factor))
    return rows, max(1, min(int(width * factor), pixels // rows))


def check_memory(fields: int, labels: int, height: int, width: int, free: int) -> None:
    """Check that there is memory for the dense CRF of a photograph.

    Args:
        fields: Number of fields.
        labels: Number of labels.
        height: Height of the photograph in pixels.
        width: Width of the photograph in pixels.
        free: Free memory in bytes.

    Raises:
        MemoryError: If there is not; the message names the size that would fit.
    """
    needed = memory_of_fields(fields, labels, height, width)
    if needed > free:
        pixels = max(1, free // memory_of_fields(fields, labels, 1, 1))
        rows, columns = largest_size(height, width, pixels)
        raise MemoryError(
            f'the dense CRF of a picture of {width} x {height} px takes about {needed / 1e6:,.1f} '
            f'MB (fields: {fields}, labels: {labels}), but {max(0, free) / 1e6:,.1f} MB are free; '
            f'{columns} x {rows} px would fit. Make the picture smaller, or run fewer processes.'
        )


def dense_crf(
    image: np.ndarray,
    energies: Array,
    settings: CRFSettings | None = None,
    free: int | None = None,
) -> Array:
    """Return the probabilities of several fields of one image, whose lattices are built once.

    Args:
        image: RGB uint8, ``(H, W, 3)``.
        energies: Minus log-probabilities, ``(F, N, H, W)``. A tensor stays on its device.
        settings: Kernels and number of steps.
        free: Free memory of the device in bytes; ``None`` does not check it.

    Returns:
        Probabilities, float32 ``(F, N, H, W)``; an array or a tensor, like ``energies``.

    Raises:
        ValueError: As in ``DenseCRF``.
        MemoryError: If a photograph of that size would take more memory than is free.
    """
    _check_image(image)
    _check_shape(energies, image.shape[:2])
    device = energies.device if isinstance(energies, Tensor) else torch.device('cpu')
    if free is not None:
        fields, labels, height, width = energies.shape
        check_memory(fields, labels, height, width, free)
    return DenseCRF(image, settings, device)(energies)
