"""Tiles that cover a large image and overlap."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

# part of a tile that it shares with the next one
OVERLAP = 0.25


@dataclass(frozen=True)
class Tile:
    """A tile of an image.

    Attributes:
        place: Rows and columns that a network sees.
        kept: Rows and columns whose result is kept; those of all tiles cover the image once.
    """

    place: tuple[slice, slice]
    kept: tuple[slice, slice]

    @property
    def inside(self) -> tuple[slice, slice]:
        """What is kept, counted from the corner of the tile."""
        rows, columns = (
            slice(k.start - p.start, k.stop - p.start)
            for p, k in zip(self.place, self.kept, strict=True)
        )
        return rows, columns


def tiles_of(size: tuple[int, int], side: int) -> Iterator[Tile]:
    """Yield the tiles of an image, row by row.

    Two neighbours share at least ``OVERLAP`` of a tile. The cut between them is in the middle of
    what they share, so that nothing near the border of a tile is kept but at that of the image.

    Args:
        size: Height and width in pixels.
        side: Longest side of a tile in pixels.
    """
    for rows in _spans(size[0], side):
        for columns in _spans(size[1], side):
            yield Tile((rows[0], columns[0]), (rows[1], columns[1]))


def _spans(length: int, side: int) -> list[tuple[slice, slice]]:
    """Return what is seen and what is kept of a line."""
    if length <= side:
        return [(slice(0, length), slice(0, length))]
    step = max(1, side - round(side * OVERLAP))
    number = -(-(length - side) // step) + 1
    # as evenly as whole pixels allow
    starts = [(length - side) * i // (number - 1) for i in range(number)]
    cuts = [(a + side + b) // 2 for a, b in pairwise(starts)]
    ends = zip([0, *cuts], [*cuts, length], strict=True)
    return [
        (slice(start, start + side), slice(first, last))
        for start, (first, last) in zip(starts, ends, strict=True)
    ]
