import numpy as np
import pytest
import torch

from qaclims_mm.functional.par import RING, pixel_adaptive_refinement


def naive(image, maps, dilations, steps, w1, w2):
    """Every pixel and neighbour in turn, from the paper's formulas."""
    height, width = image.shape[1:]
    offsets = [(d * dy, d * dx) for d in dilations for dy, dx in RING]
    far = np.array([d * np.hypot(dy, dx) for d in dilations for dy, dx in RING])
    place = np.exp(-((far / far.std(ddof=1) / w1) ** 2))
    place /= place.sum()

    def at(array, y, x):
        return array[:, min(max(y, 0), height - 1), min(max(x, 0), width - 1)]

    weights = np.zeros((height, width, len(offsets)))
    for y in range(height):
        for x in range(width):
            around = np.stack([at(image, y + dy, x + dx) for dy, dx in offsets])
            spread = around.std(0, ddof=1)
            unlike = (np.abs(around - image[:, y, x]) / (spread + 1e-8) / w1) ** 2
            colour = np.exp(-unlike.mean(1))
            weights[y, x] = (colour / colour.sum() + w2 * place) / (1 + w2)
    for _ in range(steps):
        maps = np.stack(
            [
                np.stack(
                    [
                        sum(
                            w * at(maps, y + dy, x + dx)
                            for w, (dy, dx) in zip(weights[y, x], offsets, strict=True)
                        )
                        for x in range(width)
                    ],
                    -1,
                )
                for y in range(height)
            ],
            1,
        )
    return maps


@pytest.mark.parametrize('dilations', [(1,), (1, 2, 4)])
def test_against_a_naive_loop(dilations):
    random = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, 6, 9, generator=random, dtype=torch.float64)
    maps = torch.rand(2, 2, 6, 9, generator=random, dtype=torch.float64)
    got = pixel_adaptive_refinement(image, maps, dilations, steps=2, w1=0.5, w2=0.1)
    for one, before, after in zip(image, maps, got, strict=True):
        wanted = naive(one.numpy(), before.numpy(), dilations, 2, 0.5, 0.1)
        np.testing.assert_allclose(after.numpy(), wanted, rtol=1e-9)


def test_maps_fill_what_looks_alike_and_stop_at_its_contour():
    image = torch.zeros(1, 3, 24, 24)
    image[..., 6:18, 6:18] = 1
    maps = torch.zeros(1, 1, 24, 24)
    maps[..., 10:14, 10:14] = 1
    refined = pixel_adaptive_refinement(image, maps, (1, 2, 4), steps=20)[0, 0]
    assert refined[6:18, 6:18].min() > 5 * refined[0:4].max()
    # weighted means keep the range, and a map of one value
    assert 0 <= refined.min() <= refined.max() <= 1 + 1e-6
    flat = torch.full((1, 1, 24, 24), 0.3)
    torch.testing.assert_close(pixel_adaptive_refinement(image, flat), flat)


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match=r'of one size, but got \(1, 3, 4, 4\) and \(1, 1, 4, 5\)'):
        pixel_adaptive_refinement(torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 5))
