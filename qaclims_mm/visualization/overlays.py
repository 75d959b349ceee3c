"""Maps and masks laid over their images, as arrays."""

import numpy as np

from qaclims_mm.visualization.colours import page_colours

# rows that are computed at once
_STRIP = 256
# matplotlib's colour map of activations. It is perceptually uniform: equal steps look equal.
HEAT = 'inferno'


def overlay_cam(image: np.ndarray, cam: np.ndarray, alpha: float = 0.55) -> np.ndarray:
    """Lay a heat map over an image; RGB uint8 ``(H, W, 3)``."""
    # after a network is loaded, not with it
    from matplotlib import colormaps

    heat = colormaps[HEAT](np.clip(cam, 0, 1))[..., :3] * 255
    return (image * (1 - alpha) + heat * alpha).astype(np.uint8)


def overlay_mask(image: np.ndarray, mask: np.ndarray, alpha: float = 0.65) -> np.ndarray:
    """Lay a mask in the colours of ``page_colours`` over an image; the background stays as it is.

    Args:
        image: RGB uint8 ``(H, W, 3)``.
        mask: Mask ``(H, W)``.
        alpha: Weight of the colours.
    """
    colours = page_colours().astype(np.float32)
    seen = np.empty(image.shape, np.uint8)
    # in strips, since the numbers of a whole image take twelve times its bytes
    for start in range(0, len(image), _STRIP):
        rows = slice(start, start + _STRIP)
        weight = alpha * (mask[rows] > 0)[..., None]
        values = colours[mask[rows].astype(np.int64) % 256]
        seen[rows] = image[rows] * (1 - weight) + values * weight
    return seen


def outline_mask(image: np.ndarray, mask: np.ndarray, alpha: float = 0.4) -> np.ndarray:
    """Lay a mask over an image, each region with a line around it; RGB uint8 ``(H, W, 3)``.

    The line has the class's colour inside and is white outside, so that it is seen on any ground.

    Args:
        image: RGB uint8 ``(H, W, 3)``.
        mask: Mask ``(H, W)``.
        alpha: Weight of the colour inside a region.
    """
    painted, full = (overlay_mask(image, mask, weight) for weight in (alpha, 1.0))
    edge = outline_of(mask)
    inside = edge & (mask > 0)
    painted[inside] = full[inside]
    painted[edge & (mask == 0)] = 255
    return painted


def outline_of(mask: np.ndarray) -> np.ndarray:
    """Return where one of the four neighbours of a pixel has another value, bool ``(H, W)``."""
    found = np.zeros(mask.shape, dtype=bool)
    down, right = mask[1:] != mask[:-1], mask[:, 1:] != mask[:, :-1]
    found[1:] |= down
    found[:-1] |= down
    found[:, 1:] |= right
    found[:, :-1] |= right
    return found
