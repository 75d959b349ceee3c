"""Two rules by which tools turn a polygon into pixels, and the pixels of a polygon by each rule.

``centres``: a pixel belongs to the polygon if its centre does. pycocotools, and therefore datumaro
and CVAT, do so.
``pixels``: coordinates name pixels, and those on the outline belong to the polygon. OpenCV, Pillow
and therefore ultralytics, supervision and labelme do so.
"""

from collections.abc import Callable

import cv2
import numpy as np

# beyond these OpenCV's coordinates overflow
_FARTHEST = 16384


def fill_centres(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the pixels whose centres are inside a polygon, by the even-odd rule.

    Args:
        points: Finite x and y in pixels from the corner of the image, ``(N, 2)``; the last point
            joins the first.
        size: Height and width of the image.

    Returns:
        Uint8 ``(H, W)`` of 0 and 1; what lies outside the image is cut off.
    """
    height, width = size
    (x, y), (to_x, to_y) = points.T, np.roll(points, -1, axis=0).T
    first, last = (
        np.clip(np.ceil(side(y, to_y) - 0.5), 0, height).astype(np.int64)
        for side in (np.minimum, np.maximum)
    )
    number = last - first
    edge = np.repeat(np.arange(len(points)), number)
    row = np.arange(len(edge)) + np.repeat(first - np.cumsum(number) + number, number)
    rise = (to_y - y)[edge]
    crossing = x[edge] + (row + 0.5 - y[edge]) * (to_x - x)[edge] / rise
    column = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.int64)
    flips = np.zeros((height, width + 1), np.uint8)
    np.bitwise_xor.at(flips.reshape(-1), row * (width + 1) + column, 1)
    return np.bitwise_xor.accumulate(flips, axis=1)[:, :width]


def fill_pixels(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the pixels inside and on the outline of a polygon; as ``fill_centres`` otherwise."""
    filled = np.zeros(size, np.uint8)
    corners = np.clip(np.floor(points), -_FARTHEST, _FARTHEST).astype(np.int32)
    cv2.fillPoly(filled, [corners], 1)
    return filled


FILLS: dict[str, Callable[[np.ndarray, tuple[int, int]], np.ndarray]] = {
    'centres': fill_centres,
    'pixels': fill_pixels,
}
