from itertools import permutations
from math import exp, log

import numpy as np
import pytest
import torch

from qaclims_mm.functional.segment_losses import (
    CostWeights,
    SetLoss,
    balanced_weights,
    match_segments,
    pixel_weights,
    segments_of,
    semantic_logits,
    set_losses,
)

QUERIES, CLASSES = 4, 5


def predicted(size=(6, 8), images=1, seed=0):
    """Return random logits of classes and masks."""
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(images, QUERIES, CLASSES + 1, generator=generator),
        2 * torch.randn(images, QUERIES, *size, generator=generator),
    )


def label_of(rows, size=(6, 8)):
    """Return a mask whose rows have these values."""
    return torch.tensor(rows)[:, None].expand(size).clone()


# --- an independent oracle: loops over pixels, all permutations -----------------------------------


def naive(
    class_logits, mask_logits, labels, weights=(2.0, 5.0, 5.0), rest=0.1, balanced=True, fixed=False
):
    """The losses of masks at the size of the labels, from the definition alone."""
    found = []
    free_terms, wanted_count = [], 0
    for classes, masks, label in zip(class_logits, mask_logits, labels, strict=True):
        classes, masks, label = classes.double().numpy(), masks.double().numpy(), label.numpy()
        pixels = [p for p in np.ndindex(label.shape) if label[p] != 255]
        if not pixels:
            continue
        background = [p for p in pixels if label[p] == 0]
        foreground = [p for p in pixels if label[p] != 0]
        both = bool(balanced and background and foreground)
        share = {p: 1 / len(pixels) for p in pixels}
        if both:
            share = {p: 0.5 / len(background) for p in background}
            share |= {p: 0.5 / len(foreground) for p in foreground}
        present = sorted({int(label[p]) for p in pixels})
        soft = [[exp(x) / sum(map(exp, row)) for x in row] for row in classes]

        def entropy(q, k, share=share, masks=masks, label=label):
            return sum(
                w * log(1 + exp(-masks[q][p] if label[p] == k else masks[q][p]))
                for p, w in share.items()
            )

        def dice(q, k, pixels=pixels, masks=masks, label=label):
            p = {x: 1 / (1 + exp(-masks[q][x])) for x in pixels}
            inside = sum(p[x] for x in pixels if label[x] == k)
            return 1 - (2 * inside + 1) / (
                sum(p.values()) + sum(1 for x in pixels if label[x] == k) + 1
            )

        def cost(order, present=present, soft=soft, entropy=entropy, dice=dice):
            return sum(
                -weights[0] * soft[q][k] + weights[1] * entropy(q, k) + weights[2] * dice(q, k)
                for q, k in zip(order, present, strict=True)
            )

        best = min(permutations(range(len(classes)), len(present)), key=cost)
        best = tuple(present) if fixed else best
        for q, k in zip(best, present, strict=True):
            found.append((k == 0, -log(soft[q][k]), entropy(q, k), dice(q, k)))
        free_terms += [-log(soft[q][-1]) for q in range(len(classes)) if q not in best]
        wanted_count += len(present)
    number = {side: sum(1 for f in found if f[0] is side) for side in (True, False)}
    factor = dict.fromkeys(number, 1.0)
    if balanced and all(number.values()):
        factor = {side: len(found) / 2 / number[side] for side in number}
    assert wanted_count == len(found)
    matched = sum(factor[f[0]] * f[1] for f in found)
    return dict(
        loss_cls=weights[0]
        * (matched + rest * sum(free_terms))
        / (len(found) + rest * len(free_terms)),
        loss_mask=weights[1] * sum(factor[f[0]] * f[2] for f in found) / len(found),
        loss_dice=weights[2] * sum(factor[f[0]] * f[3] for f in found) / len(found),
    )


@pytest.mark.parametrize('balanced', [True, False])
@pytest.mark.parametrize(
    'rows',
    [
        ([0, 0, 0, 0, 0, 2], [0, 3, 255, 255, 2, 2]),
        # no background, or nothing else, in an image
        ([1, 1, 1, 4, 4, 255], [0, 0, 0, 0, 0, 0]),
        # nothing is known of the second
        ([0, 0, 4, 4, 255, 255], [255] * 6),
    ],
)
def test_losses_against_a_naive_loop(rows, balanced):
    labels = [label_of(r) for r in rows]
    classes, masks = predicted(images=2)
    segments = [segments_of(label, label.shape) for label in labels]
    found = set_losses(classes, masks, segments, SetLoss(balanced=balanced))
    wanted = naive(classes, masks, labels, balanced=balanced)
    assert {k: v.item() for k, v in found.items()} == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize('balanced', [True, False])
def test_each_class_may_have_the_query_of_its_number(balanced):
    labels = [label_of([0, 0, 0, 0, 255, 2]), label_of([3, 3, 1, 1, 1, 1])]
    classes, masks = predicted(images=2)
    found = set_losses(
        classes,
        masks,
        [segments_of(label, label.shape) for label in labels],
        SetLoss(balanced=balanced, fixed=True),
    )
    wanted = naive(classes, masks, labels, balanced=balanced, fixed=True)
    assert {k: v.item() for k, v in found.items()} == pytest.approx(wanted, rel=1e-5)


def test_factors_and_the_weight_of_free_queries():
    label = label_of([0, 0, 0, 3, 3, 255])
    classes, masks = predicted()
    options = SetLoss(CostWeights(1.0, 2.0, 3.0), no_object=0.5)
    found = set_losses(classes, masks, [segments_of(label, label.shape)], options)
    wanted = naive(classes, masks, [label], (1.0, 2.0, 3.0), 0.5)
    assert {k: v.item() for k, v in found.items()} == pytest.approx(wanted, rel=1e-5)


# --- unknown pixels -------------------------------------------------------------------------------


@pytest.mark.parametrize('balanced', [True, False])
def test_predictions_on_unknown_pixels_change_no_loss_and_get_no_gradient(balanced):
    label = label_of([0, 255, 2, 2, 255, 3])
    segments = [segments_of(label, label.shape)]
    classes, masks = predicted()
    masks.requires_grad_()
    losses = set_losses(classes, masks, segments, SetLoss(balanced=balanced))
    sum(losses.values()).backward()
    unknown = (label == 255).expand_as(masks)
    assert not masks.grad[unknown].any()
    assert masks.grad[~unknown].any()
    changed = torch.where(unknown, 50 * torch.randn_like(masks), masks.detach()).requires_grad_()
    again = set_losses(classes, changed, segments, SetLoss(balanced=balanced))
    sum(again.values()).backward()
    assert all(torch.equal(again[k], losses[k]) for k in losses)
    assert torch.equal(masks.grad, changed.grad)


def test_a_cell_counts_by_its_known_pixels():
    """Two by two pixels a cell: half of them unknown, the rest of two classes."""
    label = torch.tensor([[0, 2, 255, 255], [255, 255, 255, 255], [2, 2, 0, 0], [2, 2, 0, 2]])
    segments = segments_of(label, (2, 2))
    assert segments.classes.tolist() == [0, 2]
    assert segments.known.tolist() == [[0.5, 0.0], [1.0, 1.0]]
    torch.testing.assert_close(
        segments.shares,
        torch.tensor([[[0.5, 0.0], [0.0, 0.75]], [[0.5, 0.0], [1.0, 0.25]]]),
    )


def test_an_image_of_unknown_pixels_alone_gives_zero_and_keeps_the_graph():
    label = torch.full((6, 8), 255)
    classes, masks = predicted()
    classes.requires_grad_()
    masks.requires_grad_()
    losses = set_losses(classes, masks, [segments_of(label, label.shape)])
    assert all(v == 0 for v in losses.values())
    sum(losses.values()).backward()
    assert not classes.grad.any()
    assert not masks.grad.any()


@pytest.mark.parametrize('value', [254, 65535])
def test_another_value_may_be_the_unknown_one(value):
    label = label_of([0, 0, 1, 1, value, value])
    segments = segments_of(label, label.shape, ignore_index=value)
    assert segments.classes.tolist() == [0, 1]
    assert segments.known.mean() == pytest.approx(4 / 6)


# --- balance --------------------------------------------------------------------------------------


@pytest.mark.parametrize('background', [1, 5])
def test_background_and_foreground_get_half_of_the_pixels_weight(background):
    label = label_of([0] * background + [1] * (6 - background))
    segments = segments_of(label, label.shape)
    weights = pixel_weights(segments, balanced=True)
    assert weights[:background].sum() == pytest.approx(0.5)
    assert weights.sum() == pytest.approx(1.0)
    even = pixel_weights(segments, balanced=False)
    assert even.unique().tolist() == pytest.approx([1 / 48])


def test_weights_keep_the_sum_and_are_even_where_one_side_is_absent():
    sides = torch.tensor([1.0, 0.0, 0.0, 0.0])
    amounts = torch.tensor([2.0, 1.0, 1.0, 4.0])
    found = balanced_weights(sides, amounts) * amounts
    assert found.tolist() == pytest.approx([4.0, 4 / 6, 4 / 6, 16 / 6])
    assert balanced_weights(torch.zeros(4), amounts).tolist() == [1.0] * 4
    assert balanced_weights(torch.ones(4), amounts).tolist() == [1.0] * 4


# --- matching and masks ---------------------------------------------------------------------------


def test_matching_finds_the_query_that_has_the_mask():
    label = label_of([0, 0, 0, 2, 2, 4])
    segments = segments_of(label, label.shape)
    masks = torch.full((QUERIES, 6, 8), -9.0)
    for query, k in ((3, 0), (0, 2), (2, 4)):
        masks[query][label == k] = 9.0
    weights = pixel_weights(segments, balanced=True)
    queries, chosen = match_segments(
        torch.zeros(QUERIES, CLASSES + 1), masks, segments, weights, CostWeights()
    )
    assert dict(zip(chosen.tolist(), queries.tolist(), strict=True)) == {0: 3, 1: 0, 2: 2}


def test_more_classes_than_queries():
    label = label_of([0, 1, 2, 3, 4, 0])
    classes, masks = predicted()
    losses = set_losses(classes, masks, [segments_of(label, label.shape)])
    assert all(torch.isfinite(v) and v > 0 for v in losses.values())


def test_extreme_logits_are_finite():
    label = label_of([0, 0, 1, 1, 255, 3])
    classes, masks = (1e4 * x for x in predicted())
    classes.requires_grad_()
    losses = set_losses(classes, masks.requires_grad_(), [segments_of(label, label.shape)])
    sum(losses.values()).backward()
    assert all(torch.isfinite(v) for v in losses.values())
    assert torch.isfinite(masks.grad).all()


def test_logits_that_are_not_finite_reach_the_loss():
    """The hook that stops a diverging run shall see them, not an error of the matching."""
    label = label_of([0, 0, 1, 1, 2, 3])
    classes, masks = predicted()
    masks[0, 0, 0, 0] = float('nan')
    losses = set_losses(classes, masks, [segments_of(label, label.shape)])
    assert sum(losses.values()).isnan()


def test_semantic_logits_are_the_logs_of_the_summed_probabilities():
    classes, masks = predicted(size=(2, 3))
    found = semantic_logits(classes, masks)
    assert found.shape == (1, CLASSES, 2, 3)
    for k, y, x in ((0, 0, 0), (4, 1, 2)):
        score = sum(
            classes[0, q].softmax(-1)[k] * masks[0, q, y, x].sigmoid() for q in range(QUERIES)
        )
        assert found[0, k, y, x].exp() == pytest.approx(score.item(), rel=1e-5)
