import numpy as np
from matplotlib import colormaps

from qaclims_mm.visualization.colours import page_colours
from qaclims_mm.visualization.overlays import HEAT, outline_mask, overlay_cam, overlay_mask

RNG = np.random.default_rng(0)


def test_overlay_cam_is_the_weighted_mean_with_its_colour():
    image = RNG.integers(0, 256, (5, 6, 3), dtype=np.uint8)
    cam = RNG.random((5, 6)) * 3 - 1  # outside [0, 1] too
    out = overlay_cam(image, cam, alpha=0.3)
    assert out.dtype == np.uint8
    for y in range(5):
        for x in range(6):
            heat = colormaps[HEAT](min(max(cam[y, x], 0.0), 1.0))
            for c in range(3):
                wanted = int(0.7 * image[y, x, c] + 0.3 * 255 * heat[c])
                assert abs(int(out[y, x, c]) - wanted) <= 1


def test_overlay_mask_colours_all_but_the_background():
    image = np.full((2, 3, 3), 100, np.uint8)
    mask = np.array([[0, 1, 255], [20, 0, 2]], np.uint8)
    out = overlay_mask(image, mask, alpha=0.5)
    palette = page_colours()
    for (y, x), value in np.ndenumerate(mask):
        for c in range(3):
            wanted = (100 + int(palette[value, c])) / 2 if value else 100
            assert abs(int(out[y, x, c]) - wanted) <= 1


def test_outline_has_the_colour_inside_and_white_outside():
    image = np.full((7, 8, 3), 100, np.uint8)
    mask = np.zeros((7, 8), np.uint8)
    mask[2:6, 2:6], mask[2:6, 5] = 1, 2
    out = outline_mask(image, mask, alpha=0.4)
    palette = page_colours()
    padded = np.pad(mask, 1, mode='edge')
    for (y, x), value in np.ndenumerate(mask):
        around = [padded[y, x + 1], padded[y + 2, x + 1], padded[y + 1, x], padded[y + 1, x + 2]]
        if all(v == value for v in around):
            wanted = 100 * 0.6 + palette[value] * 0.4 if value else np.full(3, 100)
        else:
            wanted = palette[value] if value else np.full(3, 255)
        assert np.abs(out[y, x] - wanted).max() <= 1, (y, x)
