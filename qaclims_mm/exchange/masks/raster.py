"""Two rules by which tools turn a polygon into pixels, and the pixels of a polygon by each rule.

``centres``: a pixel belongs to the polygon if its centre does. pycocotools, and therefore datumaro
and CVAT, do so.
``pixels``: coordinates name pixels, and those on the outline belong to the polygon. OpenCV, Pillow
and therefore ultralytics, supervision and labelme do so.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

# pycocotools draws outlines on a grid of so many points a pixel; the centre is after the third
_GRID, _CENTRE = 5, 2
# the fewest points of a polygon
_CORNERS = 3
# points of outlines that are in memory at a time
_CHUNK = 1 << 21


def fill_centres(
    points: np.ndarray, size: tuple[int, int], corner: tuple[int, int] = (0, 0)
) -> np.ndarray:
    """Return the pixels that pycocotools gives to a polygon, by the even-odd rule.

    It draws the outline on a grid of fifths of pixels, and looks where it crosses the centres of
    columns.

    Args:
        points: Finite x and y in pixels from the corner of the image, ``(N, 2)``; the last point
            joins the first.
        size: Height and width of the box that is filled.
        corner: X and y of the box. The last bit of a float may depend on where a polygon is, so it
            is not the polygon that is moved.

    Returns:
        Uint8 ``(H, W)`` of 0 and 1; what lies outside the box is cut off.
    """
    (height, width), (left, top) = size, corner
    grid = np.trunc(points * _GRID + 0.5).astype(np.int64)
    starts, ends = grid, np.roll(grid, -1, axis=0)
    flips = np.zeros((height + 1, width), np.uint8)
    for part in _chunks(np.abs(ends - starts).max(axis=1)):
        column, row = _crossings(starts[part], ends[part])
        column -= left
        inside = (column >= 0) & (column < width)
        row = np.ceil((row[inside] + 0.5) / _GRID - 0.5).astype(np.int64) - top
        row = row.clip(0, height)
        np.bitwise_xor.at(flips.reshape(-1), row * width + column[inside], 1)
    return np.bitwise_xor.accumulate(flips, axis=0)[:height]


def _chunks(lengths: np.ndarray) -> Iterator[slice]:
    """Yield parts of edges whose points fit into memory."""
    number = np.cumsum(lengths + 1) // _CHUNK
    borders = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(lengths)]
    for first, last in pairwise(borders):
        yield slice(first, last)


def _crossings(starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where edges cross the centres of columns: columns, and rows of the grid.

    Args:
        starts: Points of the grid, ``(N, 2)``.
        ends: Points that they are joined with.
    """
    length = np.abs(ends - starts).max(axis=1)
    # of the longer side one point follows another; from left to right or down, whatever the order
    steep = np.abs(ends - starts).argmax(axis=1) == 1
    back = np.where(steep, starts[:, 1] > ends[:, 1], starts[:, 0] > ends[:, 0])
    starts, ends = np.where(back[:, None], ends, starts), np.where(back[:, None], starts, ends)
    edge = np.repeat(np.arange(len(length)), length)
    step = np.arange(len(edge)) - np.repeat(np.cumsum(length) - length, length)
    slope = (ends - starts)[edge] / length[edge, None]
    before, after = (
        np.trunc(starts[edge] + slope * t[:, None] + 0.5).astype(np.int64) for t in (step, step + 1)
    )
    left = np.minimum(before[:, 0], after[:, 0])
    crosses = (before[:, 0] != after[:, 0]) & (left % _GRID == _CENTRE)
    rows = np.minimum(before[crosses, 1], after[crosses, 1])
    return left[crosses] // _GRID, rows


def fill_pixels(
    points: np.ndarray, size: tuple[int, int], corner: tuple[int, int] = (0, 0)
) -> np.ndarray:
    """Return the pixels inside and on the outline of a polygon; as ``fill_centres`` otherwise."""
    filled = np.zeros(size, np.uint8)
    offset = -corner[0], -corner[1]
    cv2.fillPoly(filled, [np.floor(points).astype(np.int32)], 1, offset=offset)
    return filled


FILLS: dict[str, Callable[[np.ndarray, tuple[int, int], tuple[int, int]], np.ndarray]] = {
    'centres': fill_centres,
    'pixels': fill_pixels,
}


@dataclass(frozen=True)
class Patch:
    """Pixels of a region in a box of its image.

    Attributes:
        left: Column of the box's first pixel.
        top: Row of it.
        pixels: Uint8 ``(h, w)`` of 0 and 1.
    """

    left: int
    top: int
    pixels: np.ndarray

    def paint(self, mask: np.ndarray, value: int) -> None:
        """Give a mask a value at these pixels."""
        height, width = self.pixels.shape
        box = mask[self.top : self.top + height, self.left : self.left + width]
        box[self.pixels > 0] = value


def patch_of_polygon(points: np.ndarray, size: tuple[int, ...], rule: str) -> Patch:
    """Return the pixels of a polygon.

    Args:
        points: X and y in pixels from the corner of the image, ``(N, 2)``. What lies
            farther outside than the image is large is moved nearer: memory and OpenCV's integers
            have limits.
        size: Height and width of the image.
        rule: ``centres`` or ``pixels``.

    Raises:
        ValueError: If there are less than three points, or a number is not finite.
    """
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < _CORNERS:
        raise ValueError(f'it is no polygon of x and y of {_CORNERS} points or more')
    if not np.isfinite(points).all():
        raise ValueError('a number is not finite')
    limits = np.array(size[::-1])
    points = points.clip(-limits, 2 * limits)
    left, top = np.floor(points.min(axis=0)).astype(int).clip(0, limits).tolist()
    right, bottom = (np.floor(points.max(axis=0)).astype(int) + 1).clip(0, limits).tolist()
    box = max(bottom - top, 0), max(right - left, 0)
    return Patch(left, top, FILLS[rule](points, box, (left, top)))
