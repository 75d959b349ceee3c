import numpy as np
import pytest

from qaclims_mm.functional.bootstrap import resample_miou


def counts(methods=2, images=7, values=3, seed=0):
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 50, (images, values))
    # the last value is in one image alone, so that rounds lack it
    true[1:, -1] = 0
    correct = rng.integers(0, 1 + true[None].repeat(methods, 0))
    predicted = correct + rng.integers(0, 20, correct.shape)
    predicted[:, 1:, -1] = correct[:, 1:, -1] = 0
    return correct, predicted, true


def by_hand(correct, predicted, true, drawn):
    """Return the mean IoU of a method on the images of a round, in plain Python."""
    ious = []
    for v in range(true.shape[1]):
        both = sum(int(correct[i, v]) for i in drawn)
        union = sum(int(predicted[i, v]) + int(true[i, v]) for i in drawn) - both
        if union:
            ious.append(both / union)
    return 100 * sum(ious) / len(ious)


def test_a_round_is_the_mean_iou_of_its_images():
    correct, predicted, true = counts()
    found = resample_miou(correct, predicted, true, rounds=150, seed=3)
    assert found.shape == (150, 2)
    rng = np.random.default_rng(3)
    times = np.concatenate([rng.multinomial(7, [1 / 7] * 7, size=n) for n in (100, 50)])
    assert (times[:, 0] == 0).any()
    for row, often in zip(found, times, strict=True):
        drawn = [i for i, n in enumerate(often) for _ in range(n)]
        for m in range(2):
            assert row[m] == pytest.approx(by_hand(correct[m], predicted[m], true, drawn))


def test_methods_get_the_same_images():
    correct, predicted, true = counts(methods=1)
    twice = resample_miou(correct.repeat(2, 0), predicted.repeat(2, 0), true, rounds=50)
    assert np.array_equal(twice[:, 0], twice[:, 1])
    assert twice[:, 0].std() > 1


def test_the_spread_is_that_of_the_images():
    """For one value in images of equal size the IoU is nearly a mean, whose error is known."""
    rng = np.random.default_rng(5)
    share = rng.uniform(0.4, 0.6, 400)
    true = np.full((400, 1), 10000)
    correct = np.rint(share * 10000).astype(int)[None, :, None]
    found = resample_miou(correct, correct, true, rounds=1000)
    assert found.mean() == pytest.approx(100 * share.mean(), abs=0.05)
    assert found.std() == pytest.approx(100 * share.std() / 20, rel=0.1)


@pytest.mark.parametrize(('images', 'rounds'), [(0, 10), (3, 0)])
def test_nothing_to_draw(images, rounds):
    with pytest.raises(ValueError, match=rf'at least 1, but got {images} and {rounds}'):
        resample_miou(*counts(images=images), rounds=rounds)
