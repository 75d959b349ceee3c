import numpy as np
import pytest
import torch

from qaclims_mm.functional.sam_prompts import (
    Regions,
    choose_masks,
    find_regions,
    spread_over_masks,
)


def naive_regions(cam, threshold):
    """Return the sets of pixels of a map that hang together, by flooding; largest first."""
    left = {(y, x) for y, x in np.ndindex(cam.shape) if cam[y, x] >= threshold * cam.max()}
    regions = []
    while left:
        todo, region = [left.pop()], set()
        while todo:
            y, x = todo.pop()
            region.add((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            todo += near
        regions.append(region)
    return sorted(regions, key=len, reverse=True)


def test_regions_are_those_of_flooding():
    rng = np.random.default_rng(0)
    cams = rng.random((3, 9, 11), dtype=np.float32) ** 3
    found = find_regions(torch.from_numpy(cams), 0.3, min_area=0.0, max_regions=100)
    number = 0
    for index, cam in enumerate(cams):
        wanted = naive_regions(cam, 0.3)
        own = (found.maps == index).nonzero()[:, 0].tolist()
        assert len(own) == len(wanted)
        masks = {frozenset(map(tuple, found.masks[k].nonzero().tolist())) for k in own}
        assert masks == {frozenset(region) for region in wanted}
        for k in own:
            ys, xs = np.nonzero(found.masks[k].numpy())
            assert found.boxes[k].tolist() == [xs.min(), ys.min(), xs.max(), ys.max()]
            x, y = found.points[k].int().tolist()
            inside = np.where(found.masks[k].numpy(), cam, -1)
            assert cam[y, x] == inside.max() == found.peaks[k]
        number += len(own)
    assert number == len(found.maps) > 6


def test_small_parts_and_many_parts_are_left_out():
    cam = torch.zeros(1, 10, 10)
    cam[0, 0, 0], cam[0, 3:6, 3:6], cam[0, 8, :3] = 1.0, 0.9, 0.8
    assert len(find_regions(cam, 0.5, min_area=0.0).maps) == 3
    assert find_regions(cam, 0.5, min_area=0.02).masks.flatten(1).sum(1).tolist() == [9, 3]
    # the largest is taken, however small
    assert find_regions(cam, 0.5, min_area=0.5).masks.flatten(1).sum(1).tolist() == [9]
    assert len(find_regions(cam, 0.5, min_area=0.0, max_regions=2).maps) == 2
    # the highest pixel is alone
    assert find_regions(cam, 0.95, min_area=0.5).points.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize('maps', [torch.zeros(2, 4, 5), torch.zeros(0, 4, 5)])
def test_nothing_to_find(maps):
    found = find_regions(maps)
    assert [len(x) for x in found] == [0] * 5
    assert found.masks.shape == (0, 4, 5)
    masks = torch.zeros(0, 4, 5, dtype=torch.bool)
    assert torch.equal(spread_over_masks(maps, found, masks, torch.zeros(0).bool()), maps)


def test_choice():
    rng = np.random.default_rng(1)
    proposals, regions = rng.random((5, 3, 6, 7)) > 0.5, rng.random((5, 6, 7)) > 0.5
    quality = rng.random((5, 3)).astype(np.float32)
    quality[4] = -1  # SAM's guess is of any sign
    found, iou = choose_masks(*map(torch.from_numpy, (proposals, quality, regions)))
    for k in range(5):
        products = []
        for m in range(3):
            pair = list(zip(proposals[k, m].ravel(), regions[k].ravel(), strict=True))
            value = sum(a and b for a, b in pair) / sum(a or b for a, b in pair)
            products.append((value * max(0.0, quality[k, m]), value))
        best = max(range(3), key=lambda m, products=products: products[m][0])
        assert np.array_equal(found[k].numpy(), proposals[k, best])
        assert iou[k] == pytest.approx(products[best][1])
    none = torch.zeros(1, 3, 2, 2, dtype=torch.bool)
    assert choose_masks(none, torch.ones(1, 3), none[:, 0])[1].tolist() == [0.0]


def test_spreading():
    maps = torch.rand(3, 4, 5)
    masks = torch.zeros(3, 4, 5, dtype=torch.bool)
    masks[0, :2], masks[1, 1:3], masks[2] = True, True, True
    regions = Regions(
        torch.tensor([0, 0, 2]),
        masks,
        torch.zeros(3, 4),
        torch.zeros(3, 2),
        torch.tensor([0.9, 0.5, 0.7]),
    )
    agrees = torch.tensor([True, True, False])
    found = spread_over_masks(maps, regions, masks, agrees, 0.75)
    wanted = maps.clone()
    for y, x in np.ndindex(4, 5):
        values = [p for k, p in ((0, 0.9), (1, 0.5)) if masks[k, y, x]]
        wanted[0, y, x] = 0.25 * maps[0, y, x] + 0.75 * max(values, default=0.0)
    torch.testing.assert_close(found, wanted)
    # of maps 1 and 2 no mask counts
    assert torch.equal(found[1:], maps[1:])
    assert torch.equal(spread_over_masks(maps, regions, masks, agrees, 0.0), maps)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(threshold=0.0), r'threshold must be in \(0, 1\], but got 0.0'),
        (dict(threshold=1.5), r'threshold must be in \(0, 1\], but got 1.5'),
        (dict(maps=torch.zeros(3, 4)), r'maps must be \(n, H, W\), but got shape \(3, 4\)'),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        find_regions(**dict(maps=torch.zeros(1, 3, 4)) | options)
