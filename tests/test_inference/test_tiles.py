import numpy as np
import pytest

from qaclims_mm.inference.tiles import OVERLAP, tiles_of


@pytest.mark.parametrize(
    ('size', 'side'),
    [((10, 7), 10), ((101, 40), 20), ((64, 65), 64), ((1000, 333), 96), ((9, 9), 2), ((5, 3), 1)],
)
def test_every_pixel_is_kept_once(size, side):
    seen = np.zeros(size, int)
    for tile in tiles_of(size, side):
        seen[tile.kept] += 1
        part = np.zeros(size, int)[tile.place]
        assert max(part.shape) <= side
        # inside is the same place, counted from the corner
        grid = np.arange(size[0] * size[1]).reshape(size)
        assert np.array_equal(grid[tile.place][tile.inside], grid[tile.kept])
    assert (seen == 1).all()


def test_what_is_kept_is_far_from_the_borders_of_tiles():
    for tile in tiles_of((1000, 1000), 200):
        for place, kept in zip(tile.place, tile.kept, strict=True):
            inner = 200 * OVERLAP / 2 - 1
            assert kept.start == 0 or kept.start - place.start >= inner
            assert kept.stop == 1000 or place.stop - kept.stop >= inner


def test_an_image_that_fits_is_one_tile():
    [tile] = tiles_of((30, 64), 64)
    assert tile.place == tile.kept == (slice(0, 30), slice(0, 64))
