import numpy as np
import pytest
import torch

from qaclims_mm.functional.cam import (
    group_by_size,
    mask_of_cams,
    merge_multiscale_cams,
    region_images,
    resize,
    sum_over_flips,
)


def naive_bilinear(image, size, align_corners):
    """Bilinear resampling of one map, pixel by pixel."""
    height, width = image.shape
    out = np.zeros(size)
    for i, j in np.ndindex(*size):
        if align_corners:
            y = i * (height - 1) / max(size[0] - 1, 1)
            x = j * (width - 1) / max(size[1] - 1, 1)
        else:
            y = max((i + 0.5) * height / size[0] - 0.5, 0)
            x = max((j + 0.5) * width / size[1] - 0.5, 0)
        top, left = int(y), int(x)
        below, right = min(top + 1, height - 1), min(left + 1, width - 1)
        dy, dx = y - top, x - left
        out[i, j] = (
            image[top, left] * (1 - dy) * (1 - dx)
            + image[top, right] * (1 - dy) * dx
            + image[below, left] * dy * (1 - dx)
            + image[below, right] * dy * dx
        )
    return out


@pytest.mark.parametrize('align_corners', [True, False])
def test_resize_equals_naive_bilinear(align_corners):
    maps = torch.rand(1, 2, 3, 4, dtype=torch.float64)
    resized = resize(maps, (7, 5), align_corners)
    for c in range(2):
        expected = naive_bilinear(maps[0, c].numpy(), (7, 5), align_corners)
        np.testing.assert_allclose(resized[0, c], expected, atol=1e-12)


def test_merge_equals_a_loop_over_scales_and_classes():
    maps = [torch.rand(2, h, w, dtype=torch.float64) for h, w in ((2, 3), (1, 2), (4, 5))]
    size = (18, 33)
    strided, high_res = merge_multiscale_cams(maps, size)
    assert strided.shape == (2, 5, 9)
    for c in range(2):
        small = sum(naive_bilinear(m[c].numpy(), (5, 9), False) for m in maps)
        # both sides are rounded up to a multiple of 16, then cropped
        large = sum(naive_bilinear(m[c].numpy(), (32, 48), False) for m in maps)[:18, :33]
        np.testing.assert_allclose(strided[c], small / (small.max() + 1e-5), atol=1e-12)
        np.testing.assert_allclose(high_res[c], large / (large.max() + 1e-5), atol=1e-12)


def test_merge_without_a_class_keeps_the_size():
    strided, high_res = merge_multiscale_cams([torch.zeros(0, 4, 4)], (30, 41))
    assert strided.shape == (0, 8, 11)
    assert high_res.shape == (0, 30, 41)


def test_merge_of_a_zero_map_is_zero():
    _, high_res = merge_multiscale_cams([torch.zeros(1, 4, 4)], (20, 20))
    assert (high_res == 0).all()


def test_merge_without_a_scale():
    with pytest.raises(ValueError, match='at least one scale'):
        merge_multiscale_cams([], (4, 4))


@pytest.mark.parametrize('mode', ['hard', 'soft'])
def test_region_images_equal_the_formula(mode):
    images, cams = torch.rand(2, 3, 4, 4), torch.rand(2, 1, 4, 4)
    mask = (cams > 0.5).float()
    fg, bg = region_images(images, cams, mask, mode)
    for p, c, i, j in np.ndindex(2, 3, 4, 4):
        x, a, b = images[p, c, i, j], cams[p, 0, i, j], mask[p, 0, i, j]
        kept = (a * b, (1 - a) * (1 - b)) if mode == 'hard' else (a, 1 - a)
        assert fg[p, c, i, j].item() == pytest.approx((x * kept[0]).item(), abs=1e-6)
        assert bg[p, c, i, j].item() == pytest.approx((x * kept[1]).item(), abs=1e-6)


def test_unknown_region_mode():
    with pytest.raises(ValueError, match=r"mode must be one of .* but got 'none'"):
        region_images(torch.zeros(1, 3, 2, 2), *torch.zeros(2, 1, 1, 2, 2), mode='none')


def test_hard_region_images_need_a_mask():
    images, cams = torch.rand(1, 3, 2, 2), torch.rand(1, 1, 2, 2)
    with pytest.raises(ValueError, match="mode 'hard' needs a mask, but got None"):
        region_images(images, cams, None, 'hard')
    fg, bg = region_images(images, cams, None, 'soft')
    torch.testing.assert_close(fg + bg, images)


SIZES = [(3, 8, 9), (3, 6, 6), (3, 8, 9), (3, 9, 8), (3, 8, 9), (3, 6, 6)]
GROUPS = [
    (1, [[0], [2], [4], [1], [5], [3]]),
    (2 * 72, [[0, 2], [4], [1, 5], [3]]),
    (3 * 72 - 1, [[0, 2], [4], [1, 5], [3]]),
    (3 * 72, [[0, 2, 4], [1, 5], [3]]),
    (10**6, [[0, 2, 4], [1, 5], [3]]),
]


@pytest.mark.parametrize(('pixels', 'groups'), GROUPS)
def test_groups_are_of_one_size_and_not_too_large(pixels, groups):
    assert group_by_size([torch.zeros(s) for s in SIZES], pixels) == groups


def test_groups_of_nothing():
    assert group_by_size([], 5) == []
    assert group_by_size([torch.zeros(3, 0, 4)] * 2, 5) == [[0, 1]]


class Uneven:
    """A network that treats left and right differently, and remembers its batches."""

    def __init__(self):
        self.batches = []
        self.conv = torch.nn.Conv2d(3, 2, 3, stride=2, padding=1).double()

    def __call__(self, images):
        self.batches.append(len(images))
        return self.conv(images)


@pytest.mark.parametrize(
    ('pixels', 'batches'), [(None, [6, 4, 2]), (1, [2] * 6), (144, [4, 2, 4, 2])]
)
def test_sum_over_flips_equals_one_image_at_a_time(pixels, batches):
    network = Uneven()
    images = [torch.rand(s, dtype=torch.float64) for s in SIZES]
    found = sum_over_flips(network, images, pixels)
    assert network.batches == batches
    assert len(found) == len(images)
    for maps, image in zip(found, images, strict=True):
        mirrored = network.conv(image.flip(-1)[None])[0]
        torch.testing.assert_close(maps, network.conv(image[None])[0] + mirrored.flip(-1))


def test_sum_over_flips_of_no_image():
    assert sum_over_flips(Uneven(), []) == []


@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
def test_maps_with_nan_make_no_mask(dtype):
    cams, keys = torch.full((3, 4, 5), 0.9, dtype=dtype), torch.tensor([2, 7, 9])
    assert mask_of_cams(cams, keys, 0.25).eq(3).all()
    cams[0, 1, 1] = cams[2, 3, 4] = torch.nan
    with pytest.raises(ValueError, match=r'^the maps of the class indices \[2, 9\] have NaN; make'):
        mask_of_cams(cams, keys, 0.25)


@pytest.mark.parametrize('number', [0, 1, 3, 8])
def test_mask_is_the_first_highest_map_above_the_threshold(number):
    # of few values, so that there are ties among the maps and with the threshold
    cams = torch.randint(0, 5, (number, 7, 9), generator=torch.Generator().manual_seed(0)) / 4
    names = torch.randperm(20, generator=torch.Generator().manual_seed(1))[:number]
    mask = mask_of_cams(cams, names, 0.5)
    for y, x in np.ndindex(7, 9):
        values = [0.5, *cams[:, y, x].tolist()]
        assert mask[y, x] == [0, *(names + 1).tolist()][values.index(max(values))]
