"""The dense CRF's two fields of a picture, against pydensecrf with one lattice for both."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from benchmarks.case import Case
from benchmarks.growth import Point, Work, measure_sizes, shape_of
from benchmarks.ir_label import smooth_scene
from qaclims_mm.errors import FormatError
from qaclims_mm.functional.crf import CRFSettings, DenseCRF, dense_crf
from qaclims_mm.functional.crf_labels import label_energy
from qaclims_mm.schemas.names import counted

_SIZES = {'tiny': (2, 94, 125), 'full': (4, 375, 500)}
_BARS = {'tiny': 0.5, 'full': 1.0}
_CLOSE = 1e-4
Scene = tuple[np.ndarray, np.ndarray]


def of_pydensecrf(scenes: list[Scene], settings: CRFSettings) -> list[np.ndarray]:
    """Return the probabilities ``(F, N, H, W)`` of each picture's fields."""
    from pydensecrf.densecrf import DenseCRF2D

    made = []
    for picture, energies in scenes:
        labels, height, width = energies.shape[1:]
        field = DenseCRF2D(width, height, labels)
        field.addPairwiseGaussian(sxy=settings.gaussian_xy, compat=settings.gaussian_weight)
        field.addPairwiseBilateral(
            sxy=settings.bilateral_xy,
            srgb=settings.bilateral_rgb,
            rgbim=np.array(picture),
            compat=settings.bilateral_weight,
        )
        found = []
        for energy in energies.reshape(len(energies), labels, -1):
            field.setUnaryEnergy(np.ascontiguousarray(energy))
            found.append(np.array(field.inference(settings.steps)))
        made.append(np.array(found).reshape(energies.shape))
    return made


def scene(number: int, height: int, width: int) -> Scene:
    """Return a picture and the energies of its two fields of three labels."""
    maps, _, picture = smooth_scene(number, height, width)
    fields = []
    for threshold in (0.3, 0.05):
        background = np.full((1, height, width), threshold, np.float32)
        fields.append(label_energy(np.concatenate([background, maps]).argmax(0), 3))
    return picture, np.stack(fields)


def ours(scenes: list[Scene], settings: CRFSettings) -> list[np.ndarray]:
    """Return the probabilities ``(F, N, H, W)`` of each picture's fields."""
    return [dense_crf(picture, energies, settings) for picture, energies in scenes]


def flops_of(scene: Scene, settings: CRFSettings) -> int:
    """Return the operations of a picture's filters in all steps."""
    picture, energies = scene
    entries = sum(kernel.entries for kernel in DenseCRF(picture, settings).kernels)
    return 2 * entries * energies.shape[0] * energies.shape[1] * settings.steps


def check(results: list[list[np.ndarray]]) -> None:
    """Check that both give the same labels and nearly the same probabilities.

    Raises:
        FormatError: If they do not.
    """
    for mine, wanted in zip(*results, strict=True):
        farthest = np.abs(mine - wanted).max()
        other = (mine.argmax(1) != wanted.argmax(1)).sum()
        if other or farthest > _CLOSE:
            raise FormatError(f'{other} labels differ, and probabilities by up to {farthest:.2g}.')


def growth(sizes: Sequence[int]) -> list[Point]:
    """Return the points of both fields of a picture of so many pixels."""

    def make(pixels: int) -> Work:
        made, settings = scene(0, *shape_of(pixels)), CRFSettings()
        return Work(partial(dense_crf, *made, settings), flops_of(made, settings))

    return measure_sizes(make, sizes)


def build(size: str, device: torch.device) -> Case:
    """Return the fields of pictures with 3 labels, on the CPU whatever the device."""
    number, height, width = _SIZES[size]
    scenes = [scene(n, height, width) for n in range(number)]
    settings = CRFSettings()
    return Case(
        {
            'torch': partial(ours, scenes, settings),
            'pydensecrf': partial(of_pydensecrf, scenes, settings),
        },
        f'{counted(number, "image")} of {height} x {width} with 3 labels, two fields each',
        number,
        bar=_BARS[size],
        # torch would count sparse products as dense ones
        flops=sum(flops_of(s, settings) for s in scenes),
        check=check,
    )
