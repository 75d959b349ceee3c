import numpy as np
import pytest
import torch
from scipy import ndimage

from qaclims_mm.functional.attention import (
    attention_affinity,
    box_masks,
    doubly_stochastic,
    refine_by_affinity,
)

RANDOM = torch.Generator().manual_seed(0)


def attention_of(*shape):
    return torch.rand(*shape, generator=RANDOM, dtype=torch.float64).square()


def naive_affinity(attention, rounds, steps):
    """Every row and column in turn, then every pair of steps."""
    found = attention.copy()
    size = len(found)
    for _ in range(rounds):
        for column in range(size):
            found[:, column] /= sum(found[row, column] for row in range(size))
        for row in range(size):
            found[row] /= sum(found[row, column] for column in range(size))
    single = np.array([[(found[i, j] + found[j, i]) / 2 for j in range(size)] for i in range(size)])
    walked = np.eye(size)
    for _ in range(steps):
        walked = np.array(
            [
                [sum(walked[i, k] * single[k, j] for k in range(size)) for j in range(size)]
                for i in range(size)
            ]
        )
    return walked


@pytest.mark.parametrize(('rounds', 'steps'), [(1, 1), (3, 2), (2, 3), (0, 1)])
def test_affinity_equals_loops(rounds, steps):
    attention = attention_of(2, 6, 6)
    found = attention_affinity(attention, rounds, steps)
    for one, matrix in zip(found, attention, strict=True):
        wanted = naive_affinity(matrix.numpy(), rounds, steps)
        np.testing.assert_allclose(one.numpy(), wanted, rtol=1e-12)


def test_many_rounds_make_it_doubly_stochastic():
    found = doubly_stochastic(attention_of(7, 7), rounds=200)
    torch.testing.assert_close(found.sum(0), torch.ones(7, dtype=torch.float64))
    torch.testing.assert_close(found.sum(1), torch.ones(7, dtype=torch.float64))


def test_the_scaling_is_that_of_one_factor_a_row_and_a_column():
    """What Sinkhorn's theorem says of the limit: D1 A D2, so A's cross ratios stay."""
    attention = attention_of(5, 5)
    found = doubly_stochastic(attention, rounds=50)
    ratios = (found / attention).log()
    centred = ratios - ratios.mean(0) - ratios.mean(1, keepdim=True) + ratios.mean()
    assert centred.abs().max() < 1e-9


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_is_widened(dtype):
    attention = attention_of(5, 5)
    found = attention_affinity(attention.to(dtype))
    assert found.dtype == torch.float32
    wanted = attention_affinity(attention.to(dtype).float())
    torch.testing.assert_close(found, wanted)


def test_empty_rows_make_no_nan():
    attention = attention_of(4, 4)
    attention[2] = 0
    attention[:, 1] = 0
    assert attention_affinity(attention).isfinite().all()


def naive_boxes(cam, threshold):
    """By scipy's own slices of the parts."""
    marked = np.zeros_like(cam)
    if cam.max() > 0:
        labels, _ = ndimage.label(cam >= threshold * cam.max(), np.ones((3, 3)))
        for part in ndimage.find_objects(labels):
            marked[part] = 1
    return marked


@pytest.mark.parametrize('threshold', [0.2, 0.4, 0.7, 1.0])
def test_boxes_equal_those_of_scipy(threshold):
    maps = torch.rand(5, 9, 12, generator=RANDOM) ** 4
    maps[1] = 0
    found = box_masks(maps, threshold)
    wanted = np.stack([naive_boxes(one, threshold) for one in maps.numpy()])
    np.testing.assert_array_equal(found.numpy(), wanted)
    assert not found[1].any()


def test_boxes_of_parts_are_apart_and_reach_the_border():
    cam = torch.zeros(1, 6, 8)
    cam[0, 0, 0] = cam[0, 1, 1] = 1
    cam[0, 4:, 5:] = 0.5
    cam[0, 3, 3] = 0.3
    wanted = torch.zeros(1, 6, 8)
    wanted[0, :2, :2] = 1
    wanted[0, 4:, 5:] = 1
    assert torch.equal(box_masks(cam, 0.4), wanted)


def test_no_map_has_no_box():
    assert box_masks(torch.zeros(0, 3, 4)).shape == (0, 3, 4)


def test_many_small_parts_all_have_a_box():
    cam = torch.zeros(1, 20, 20)
    cam[0, ::2, ::2] = 1
    assert torch.equal(box_masks(cam), cam)


def test_refined_maps_equal_loops():
    maps = torch.rand(2, 3, 4, 5, generator=RANDOM, dtype=torch.float64)
    affinity = attention_of(2, 20, 20)
    boxes = (torch.rand(2, 3, 4, 5, generator=RANDOM) > 0.3).double()
    found = refine_by_affinity(maps, affinity, boxes)
    for image in range(2):
        for number in range(3):
            before = (maps * boxes)[image, number].flatten().tolist()
            after = [
                sum(affinity[image, i, j].item() * before[j] for j in range(20)) for i in range(20)
            ]
            wanted = [(x - min(after)) / (max(after) - min(after)) for x in after]
            np.testing.assert_allclose(found[image, number].flatten().numpy(), wanted, rtol=1e-9)


def test_a_map_of_nothing_stays_0():
    maps = torch.zeros(1, 2, 3, 3)
    maps[0, 1, 1, 1] = 1
    found = refine_by_affinity(maps, torch.eye(9)[None], torch.ones_like(maps))
    assert torch.equal(found, maps)


def test_cells_of_one_object_share_what_they_show():
    """Two objects attend to themselves; a map of a corner of one becomes a map of all of it."""
    owner = torch.zeros(6, 6)
    owner[:, 3:] = 1
    attention = (owner.flatten()[:, None] == owner.flatten()[None]).float() + 0.01
    cam = torch.zeros(1, 6, 6)
    cam[0, 0, 0] = 1
    found = refine_by_affinity(cam, attention_affinity(attention), box_masks(cam))
    assert (found[0][owner == 0] > 0.95).all()
    assert (found[0][owner == 1] < 0.05).all()
