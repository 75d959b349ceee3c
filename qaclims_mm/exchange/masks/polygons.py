"""Polygons of a mask's regions, from which tools make the same mask again.

A region is a set of pixels of one class that touch, also by a corner. Its polygon runs so close
along the edges of its pixels that it is exact before it is simplified. It is one ring: a hole is
joined to what is around it by a cut of no width, since most formats have no holes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from qaclims_mm.exchange.masks.raster import FILLS
from qaclims_mm.schemas import IGNORE_INDEX

# what a simplified polygon must reach, else it is simplified less; below 0.98 by neighbours at most
MIN_IOU = 0.99
# a region of fewer pixels could not lose one, and has few points as it is
_SMALL = 100
# parts of the tolerance that are tried in turn
_STEPS = (1.0, 0.5, 0.25)
# {rule: (sub-pixels of a pixel's side, place of a corner in its sub-pixel)}. A line through the
# centres of pixels would be rounded to either side, and so would a corner between two pixels.
_CORNERS = {'centres': (2, (0.28, 0.32)), 'pixels': (1, (0.25, 0.25))}
# of the four corners of a polygon that has less than three
_THIN = ((0, 0), (1, 0), (1, 1), (0, 1))


@dataclass(frozen=True)
class Region:
    """Pixels of one class that touch.

    Attributes:
        value: Value of the mask.
        left: Column of the bounding box's first pixel.
        top: Row of it.
        pixels: The region in its bounding box, uint8 ``(h, w)`` of 0 and 1.
        area: Number of pixels.
    """

    value: int
    left: int
    top: int
    pixels: np.ndarray
    area: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, width and height in pixels."""
        height, width = self.pixels.shape
        return self.left, self.top, width, height


def regions_of(mask: np.ndarray) -> Iterator[Region]:
    """Yield the regions of a mask by value, top and left; 0 and 255 are none.

    Args:
        mask: Values ``(H, W)``: 0 background, k + 1 classes, 255 ignore.
    """
    for value in np.unique(mask).tolist():
        if value in (0, IGNORE_INDEX):
            continue
        left, top, width, height = cv2.boundingRect((mask == value).view(np.uint8))
        crop = (mask[top : top + height, left : left + width] == value).view(np.uint8)
        number, labels, stats, _ = cv2.connectedComponentsWithStats(crop, connectivity=8)
        for label in range(1, number):
            x, y, w, h, area = stats[label].tolist()
            pixels = (labels[y : y + h, x : x + w] == label).view(np.uint8)
            yield Region(value, left + x, top + y, pixels, area)


def polygon_of(region: Region, tolerance: float, rule: str) -> np.ndarray:
    """Return the polygon of a region.

    Args:
        region: The region.
        tolerance: Distance by which the outline may move, in pixels; 0 keeps every pixel. It is
            lowered for a region whose IoU would fall below ``MIN_IOU``, to 0 if need be.
        rule: ``centres`` or ``pixels``, by which it is filled; see ``raster``.

    Returns:
        X and y in pixels from the corner of the image, float64 ``(N, 2)`` with N of at least 3.
    """
    rings = _rings(region.pixels, rule)
    offset = np.array([region.left, region.top], np.float64)
    for step in _STEPS if tolerance > 0 and region.area >= _SMALL else ():
        ring = _joined([_simplified(r, tolerance * step) for r in rings], rule)
        if len(ring) >= 3 and _iou(ring, region.pixels, rule) >= MIN_IOU:
            return ring + offset
    return _thickened(_joined(rings, rule)) + offset


def _rings(pixels: np.ndarray, rule: str) -> list[np.ndarray]:
    """Return the outline of a region, then those of its holes."""
    scale, corner = _CORNERS[rule]
    fine = pixels.repeat(scale, axis=0).repeat(scale, axis=1)
    contours, hierarchy = cv2.findContours(fine, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    # the parent of a hole is the outline, which has none
    order = np.argsort(hierarchy[0, :, 3] >= 0, kind='stable')
    return [contours[i].reshape(-1, 2) / scale + corner for i in order]


def _simplified(ring: np.ndarray, tolerance: float) -> np.ndarray:
    found = cv2.approxPolyDP(ring.astype(np.float32), tolerance, closed=True)
    return found.reshape(-1, 2).astype(np.float64) if len(found) >= 3 else ring


def _joined(rings: Sequence[np.ndarray], rule: str) -> np.ndarray:
    """Return one ring: each hole is joined to what is left of it."""
    joined, *holes = rings
    for hole in sorted(holes, key=lambda ring: ring[:, 0].min()):
        hole = np.roll(hole, -int(hole[:, 0].argmin()), axis=0)
        place, point = _left_of(hole[0], joined)
        if rule == 'pixels':
            point = np.floor(point) + 0.25
        joined = np.concatenate(
            [joined[: place + 1], point[None], hole, hole[:1], point[None], joined[place + 1 :]]
        )
    return joined


def _left_of(point: np.ndarray, ring: np.ndarray) -> tuple[int, np.ndarray]:
    """Return the point of a ring that is next to the left of a point, and what it comes after."""
    (x, y), (from_x, from_y) = point, ring.T
    to_x, to_y = np.roll(ring, -1, axis=0).T
    [edges] = np.nonzero((from_y <= y) != (to_y <= y))
    rise = to_y[edges] - from_y[edges]
    crossing = from_x[edges] + (y - from_y[edges]) * (to_x - from_x)[edges] / rise
    left = crossing <= x
    if not left.any():
        # simplified, the ring may run right of it
        nearest = int(((ring - point) ** 2).sum(axis=1).argmin())
        return nearest, ring[nearest]
    best = int(np.where(left, crossing, -np.inf).argmax())
    return int(edges[best]), np.array([crossing[best], y])


def _iou(ring: np.ndarray, pixels: np.ndarray, rule: str) -> float:
    # a frame around the box shows what the polygon takes beyond it
    height, width = pixels.shape
    filled = FILLS[rule](ring + 1, (height + 2, width + 2), (0, 0))
    area, both = int(pixels.sum()), int((filled[1:-1, 1:-1] & pixels).sum())
    return both / (area + int(filled.sum()) - both)


def _thickened(ring: np.ndarray) -> np.ndarray:
    """Return a ring of at least three points; those of one and two become a thin box."""
    if len(ring) >= 3:
        return ring
    ends = np.stack([ring[0], ring[-1], ring[-1], ring[0]])
    return ends + np.array(_THIN) * 0.2 - 0.1
