import numpy as np
import pytest

from qaclims_mm.review.counting import Overlap, areas_of, class_ious, is_nearly, to_smallest


def naive_iou(one, other, value):
    pairs = [
        (a, b)
        for a, b in zip(one.ravel(), other.ravel(), strict=True)
        if 255 not in (int(a), int(b))
    ]
    both = sum(a == b == value for a, b in pairs)
    either = sum(value in (a, b) for a, b in pairs)
    return both / either if either else None


@pytest.mark.parametrize('kind', [np.uint8, np.uint16])
def test_iou_is_that_of_a_naive_loop(kind):
    rng = np.random.default_rng(0)
    values = [0, 1, 3, 255] if kind is np.uint8 else [0, 1, 254, 255, 256, 300]
    one, other = (rng.choice(values, (9, 11)).astype(kind) for _ in range(2))
    overlap = Overlap()
    overlap.add(one, other)
    expected = {v: naive_iou(one, other, v) for v in values if v != 255}
    assert overlap.ious() == pytest.approx({v: i for v, i in expected.items() if i is not None})
    assert overlap.mean_iou() == pytest.approx(100 * np.mean([*overlap.ious().values()]))


def test_counts_of_several_images_are_sums():
    rng = np.random.default_rng(1)
    pairs = [rng.integers(0, n, (2, 6, 7)).astype(np.uint8) for n in (2, 5, 3)]
    whole, parts = Overlap(), [Overlap() for _ in pairs]
    for part, (one, other) in zip(parts, pairs, strict=True):
        whole.add(one, other)
        part.add(one, other)
    merged = parts[0].merged(parts[1]).merged(parts[2])
    assert merged.images == whole.images == 3
    assert merged.ious() == whole.ious()
    assert np.array_equal(merged.first, whole.first)


def test_nothing_that_counts():
    overlap = Overlap()
    assert overlap.ious() == {}
    assert np.isnan(overlap.mean_iou())
    overlap.add(np.full((2, 2), 255, np.uint8), np.ones((2, 2), np.uint8))
    assert overlap.ious() == {}


def test_masks_of_other_sizes_are_compared_at_the_smaller_one():
    small = np.array([[0, 1], [0, 1]], np.uint8)
    large = small.repeat(3, 0).repeat(3, 1)
    assert class_ious(small, large) == {0: 1.0}
    assert [m.shape for m in to_smallest([large, small])] == [(2, 2), (2, 2)]


def test_areas():
    mask = np.array([[0, 1, 1, 255], [0, 0, 2, 255]], np.uint8)
    assert areas_of(mask) == {0: 2 / 8, 1: 1 / 8}
    assert areas_of(np.zeros((3, 3), np.uint8)) == {}


def disc(rows=(5, 25), columns=(5, 25), value=1):
    mask = np.zeros((30, 40), np.uint8)
    mask[slice(*rows), slice(*columns)] = value
    return mask


@pytest.mark.parametrize(
    ('other', 'is_same'),
    [
        (disc(), True),
        (disc((4, 26), (4, 26)), True),
        (disc((3, 27)), True),
        (disc((2, 27)), False),
        (disc((8, 25)), False),
        (disc(value=2), False),
        (disc() + disc((0, 1), (35, 36), 2), False),
        (np.zeros((30, 40), np.uint8), False),
        (np.zeros((3, 4), np.uint8), False),
        (np.where(disc() == 1, 255, 0).astype(np.uint8), False),
        (np.where(disc((10, 12), (10, 12)) == 1, 255, disc()).astype(np.uint8), True),
    ],
)
def test_masks_that_differ_along_their_outlines_alone(other, is_same):
    assert is_nearly(disc(), other) == is_same
