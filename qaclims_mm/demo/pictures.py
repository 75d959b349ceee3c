"""Pictures of the page: maps and masks laid over an image, each class in a colour of its own."""

import colorsys
from collections.abc import Iterable
from typing import Any

import gradio as gr
import numpy as np
from scipy import ndimage

from qaclims_mm.demo.model import Found
from qaclims_mm.schemas import IGNORE_INDEX

# a mask over an image: how opaque it is, and its first hue; rare in photographs
OPACITY, HUE = 0.6, 300 / 360
# a step of hues after which all before are far
GOLDEN = (5**0.5 - 1) / 2


def annotate_maps(found: Found, threshold: float, refined: bool) -> Any:
    """Return an image and the parts of the mask that maps make, for gradio.

    Args:
        found: Image and maps.
        threshold: Map value of the background, in [0, 1].
        refined: Whether the refined maps are meant.
    """
    mask = found.mask(threshold, refined)
    values = {int(k) + 1: name for k, name in zip(found.class_indices, found.classes, strict=True)}
    return _annotated(found, mask, values)


def annotate_segmented(found: Found) -> Any:
    """Return an image and the parts of the segmentor's mask, for gradio; ``None`` without one."""
    mask = found.segmented
    if mask is None:
        return None
    there = [value for value in np.unique(mask).tolist() if value not in (0, IGNORE_INDEX)]
    return _annotated(found, mask, {value: found.values[value] for value in there})


def _annotated(found: Found, mask: np.ndarray, values: dict[int, str]) -> Any:
    """Return an image and the parts of a mask.

    Args:
        found: The image.
        mask: Mask ``(H, W)``.
        values: {value of the mask: class}.
    """
    colours = _colours(found, values.values())
    parts = [(OPACITY * (mask == value), name) for value, name in values.items()]
    image = _outlined(found.image, np.isin(mask, list(values)))
    return gr.AnnotatedImage(value=(image, parts), color_map=colours)


def _colours(found: Found, names: Iterable[str]) -> dict[str, str]:
    """Return {class: colour}, the same in all pictures of an image."""
    ordered = dict.fromkeys([*found.classes, *names])
    return {name: _bright(place) for place, name in enumerate(ordered)}


def _bright(place: int) -> str:
    """Return a full colour far from those of the places before; VOC's are also dark and grey."""
    red, green, blue = colorsys.hsv_to_rgb((HUE + place * GOLDEN) % 1, 1, 1)
    return f'#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}'


def _outlined(image: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return an image with a white line around a mask, bool ``(H, W)``."""
    # as wide on the page whatever the size of the image
    width = max(1, round(max(there.shape) / 200))
    line = ndimage.binary_dilation(there, iterations=width) & ~there
    return np.where(line[..., None], np.uint8(255), image)
