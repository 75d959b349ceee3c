"""Pictures of the page: masks laid over an image, with the legend of what is in them."""

import html
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image

from qaclims_mm.demo.found import Found
from qaclims_mm.schemas import IGNORE_INDEX, resize_mask
from qaclims_mm.visualization.colours import DISTINCT, page_colours
from qaclims_mm.visualization.overlays import outline_mask

# longest side of a shown mask in pixels, so that outlines are equally thin on all images
SIDE = 640
EMPTY = 'No class is in the mask.'


class Shown(NamedTuple):
    """A mask as the page shows it.

    Attributes:
        picture: Image and mask, RGB uint8, ``(h, w, 3)``.
        legend: Colour, name and share of each class in the mask, as HTML.
    """

    picture: np.ndarray
    legend: str


def show_maps(found: Found, threshold: float, refined: bool) -> Shown:
    """Show the mask that activation maps make.

    Args:
        found: Image and maps.
        threshold: Map value of the background, in [0, 1].
        refined: Whether to take the refined maps.
    """
    values = {int(k) + 1: name for k, name in zip(found.class_indices, found.classes, strict=True)}
    return _show(found, found.mask(threshold, refined), values)


def show_segmented(found: Found) -> Shown | None:
    """Show the mask of the segmentor, or return ``None`` without one."""
    if found.segmented is None:
        return None
    return _show(found, found.segmented, _segmented_names(found))


def colour_of(value: int) -> tuple[int, int, int]:
    """Return the colour of a value of masks; there are ``DISTINCT`` colours, in turn."""
    red, green, blue = page_colours()[_first_place(value)].tolist()
    return red, green, blue


def _first_place(value: int) -> int:
    return (value - 1) % DISTINCT + 1


def _segmented_names(found: Found) -> dict[int, str]:
    """Return {value: class} of the segmentor's mask."""
    there = np.unique(found.segmented).tolist() if found.segmented is not None else []
    return {v: found.values[v] for v in there if v not in (0, IGNORE_INDEX)}


def _places(found: Found) -> dict[str, int]:
    """Return {class: row of ``page_colours``}, the same for all pictures of an image.

    A class whose colour another class of the image has gets the next free one.
    """
    named = [(name, int(k) + 1) for k, name in zip(found.class_indices, found.classes, strict=True)]
    named += [(name, value) for value, name in _segmented_names(found).items()]
    places: dict[str, int] = {}
    for name, value in named:
        place = _first_place(value)
        while place in places.values() and len(places) < DISTINCT and name not in places:
            place = _first_place(place + 1)
        places.setdefault(name, place)
    return places


def _show(found: Found, mask: np.ndarray, names: Mapping[int, str]) -> Shown:
    """Lay a mask over its image.

    Args:
        found: The image.
        mask: Mask ``(H, W)``.
        names: {value of the mask: class}; other values are not shown.
    """
    places = _places(found)
    painted = np.zeros(mask.shape, np.uint8)
    shares: dict[str, float] = {}
    for value, name in names.items():
        there = mask == value
        if there.any():
            painted[there] = places[name]
            shares[name] = float(there.mean())
    height, width = mask.shape
    scale = SIDE / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    image = Image.fromarray(found.image).resize(size[::-1], Image.Resampling.BILINEAR)
    picture = outline_mask(np.asarray(image), resize_mask(painted, size))
    return Shown(picture, _legend({name: (places[name], share) for name, share in shares.items()}))


def _legend(shares: Mapping[str, tuple[int, float]]) -> str:
    """Return colours, names and shares as HTML.

    Args:
        shares: {class: (row of ``page_colours``, share of the image in [0, 1])}.
    """
    if not shares:
        return f'<p class="legend">{EMPTY}</p>'
    colours = page_colours()
    items = []
    for name, (place, share) in shares.items():
        red, green, blue = colours[place].tolist()
        swatch = f'<span class="swatch" style="background: rgb({red}, {green}, {blue})"></span>'
        percent = f'{share:.0%}' if share >= 0.01 else 'below 1%'
        items.append(f'<li>{swatch}<span>{html.escape(name)}</span> <small>{percent}</small></li>')
    return f'<ul class="legend">{"".join(items)}</ul>'
