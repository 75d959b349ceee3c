"""Align labels with the contours of an image by a dense CRF.

Shapes: N labels with the background, n classes, H W pixels.
"""

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from qaclims_mm.functional.crf import CRFSettings, dense_crf, largest_size, memory_of_fields

UNSURE = 255
# the greatest value of a mask, whose values are class indices + 1
_MOST_VALUES = 65535
# bytes of a picture's fields: beyond that they are computed at a lower resolution, as those of an
# image of 5 million pixels with one class or of 500 x 375 px with more than 500
_MOST_BYTES = 2**31


def label_energy(labels: np.ndarray, number: int, confidence: float = 0.7) -> np.ndarray:
    """Return the energies ``(N, H, W)`` of labels that are correct with a given probability.

    Args:
        labels: Labels in 0 .. N - 1, ``(H, W)``.
        number: N, at least 2.
        confidence: Probability that a label is correct; the other labels share the rest.
    """
    others = (1 - confidence) / (number - 1)
    energy = np.full((number, *labels.shape), -np.log(others), dtype=np.float32)
    np.put_along_axis(energy, labels[None], np.float32(-np.log(confidence)), axis=0)
    return energy


def confident_labels(
    cams: np.ndarray,
    class_indices: np.ndarray,
    image: np.ndarray,
    conf_fg: float = 0.3,
    conf_bg: float = 0.1,
    settings: CRFSettings | None = None,
    device: str | torch.device = 'cpu',
    free: int | None = None,
) -> np.ndarray:
    """Return labels of confident foreground and confident background, and 255 for the rest.

    The maps are turned into labels twice, with the background at ``conf_fg`` and at ``conf_bg``. A
    dense CRF aligns both with the contours of the image. A pixel that has a class at ``conf_fg``
    gets this class. A pixel that has no class at either threshold becomes background. With many
    classes, the CRF works on a smaller image, so that the memory stays within ``memory_of_labels``.

    Args:
        cams: Maps in [0, 1], ``(n, H, W)``.
        class_indices: Classes of the maps, without the background, ``(n,)``; without any class, all
            pixels are background.
        image: RGB uint8, ``(H, W, 3)``.
        conf_fg: Map value of the background in the search for foreground.
        conf_bg: Map value of the background in the search for background; 0.1 in the released code,
            0.05 in IRN.
        settings: Settings of the CRF.
        device: Device of the CRF.
        free: Free memory of the device in bytes; ``None`` does not check it.

    Returns:
        Labels ``(H, W)``: 0 background, k + 1 classes, 255 unsure; uint8, or uint16 for a class
        above that.

    Raises:
        ValueError: If maps and image have different sizes, a map has NaN, or no mask can hold the
            value of a class.
        MemoryError: If there is not enough free memory.

    Source:
        step/cam_to_ir_label.py of the released code (IRN's).
    """
    if cams.shape != (len(class_indices), *image.shape[:2]):
        raise ValueError(
            f'maps must be {(len(class_indices), *image.shape[:2])} for class_indices of length '
            f'{len(class_indices)} and an image of that size, but got {cams.shape}.'
        )
    if not len(class_indices):
        return np.zeros(image.shape[:2], dtype=np.uint8)
    if min(class_indices) < 0 or max(class_indices) >= _MOST_VALUES:
        raise ValueError(
            f'class indices must be in 0..{_MOST_VALUES - 1}, but got {sorted(class_indices)}.'
        )
    has_nan = np.isnan(cams).any(axis=(1, 2))
    if has_nan.any():
        broken = np.asarray(class_indices)[has_nan].tolist()
        raise ValueError(f'the maps of the class indices {broken} have NaN; make them again.')
    number = len(class_indices) + 1
    full = image.shape[:2]
    image, settings = _affordable(image, number, settings or CRFSettings())
    given = (_nearest(_best(cams, t), image.shape[:2]) for t in (conf_fg, conf_bg))
    energies = torch.stack([torch.from_numpy(label_energy(x, number)).to(device) for x in given])
    best = dense_crf(image, energies, settings, free).argmax(1).cpu().numpy()
    names = np.concatenate([[0], np.asarray(class_indices) + 1])
    surely, perhaps = names[best]
    unsure = np.where(perhaps == 0, 0, UNSURE)
    labels = np.where(surely != 0, surely, unsure)
    return _nearest(labels.astype(np.uint8 if names.max() <= UNSURE else np.uint16), full)


def memory_of_labels(classes: int, height: int, width: int) -> int:
    """Return the highest number of bytes that ``confident_labels`` takes, with the maps.

    Args:
        classes: Number of maps.
        height: Height of the image in pixels.
        width: Width of the image in pixels.
    """
    # float32 maps, made of those of a byte
    maps = 5 * classes * height * width
    return maps + min(memory_of_fields(2, classes + 1, height, width), _MOST_BYTES)


def _affordable(
    image: np.ndarray, number: int, settings: CRFSettings
) -> tuple[np.ndarray, CRFSettings]:
    """Return the image, resized if a field of N labels needs too much memory, and its settings."""
    height, width = image.shape[:2]
    most = _MOST_BYTES // memory_of_fields(2, number, 1, 1)
    if height * width <= most:
        return image, settings
    factor = math.sqrt(most / (height * width))
    rows, columns = largest_size(height, width, most)
    resized = Image.fromarray(image).resize((columns, rows), Image.Resampling.BICUBIC)
    near, far = settings.gaussian_xy * factor, settings.bilateral_xy * factor
    return np.asarray(resized), settings._replace(gaussian_xy=near, bilateral_xy=far)


def _nearest(labels: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Return labels ``(H, W)`` at another size, by the nearest pixels."""
    if labels.shape == tuple(size):
        return labels
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new)
        for new, old in zip(size, labels.shape, strict=True)
    )
    return labels[rows][:, columns]


def crf_labels(
    path: str | Path,
    probabilities: np.ndarray,
    settings: CRFSettings,
    free: int | None = None,
) -> np.ndarray:
    """Return the labels ``(H, W)`` of probabilities, aligned with the contours of an image.

    Args:
        path: File of the image, H by W pixels. The settings are meant for its raw RGB values.
        probabilities: Probabilities of the classes, ``(N, H, W)``.
        settings: Settings of the CRF.
        free: Free memory in bytes; ``None`` does not check it.

    Raises:
        MemoryError: If there is not enough free memory.
    """
    with Image.open(path) as image:
        pixels = np.asarray(image.convert('RGB'))
    energy = -np.log(np.clip(probabilities.astype(np.float32), 1e-5, 1))
    return dense_crf(pixels, energy[None], settings, free)[0].argmax(0)


def _best(cams: np.ndarray, background: float) -> np.ndarray:
    """Return the index of the highest map of each pixel, 0 where no map is above the background."""
    highest = np.full(cams.shape[1:], background, dtype=cams.dtype)
    best = np.zeros(cams.shape[1:], dtype=np.int64)
    for index, one in enumerate(cams, start=1):
        best[one > highest] = index
        np.maximum(highest, one, out=highest)
    return best
