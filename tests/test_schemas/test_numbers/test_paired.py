import numpy as np
import pytest
from scipy import stats

from qaclims_mm.schemas.numbers.paired import (
    correct_by_holm,
    paired_difference,
    prediction_interval,
    spread_interval,
)

OURS, THEIRS = [59.1, 60.2, 58.8, 61.0, 59.5], [58.0, 60.4, 57.1, 59.2, 58.9]


def test_interval_and_test_against_scipy():
    found = paired_difference(OURS, THEIRS)
    test = stats.ttest_rel(OURS, THEIRS)
    assert found.p == pytest.approx(test.pvalue)
    interval = test.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.mean == pytest.approx(np.mean(OURS) - np.mean(THEIRS))
    wider = paired_difference(OURS, THEIRS, confidence=0.99)
    assert wider.low < found.low < found.high < wider.high


@pytest.mark.parametrize('seeds', [3, 5, 8])
@pytest.mark.parametrize('power', [0.5, 0.8])
def test_a_detectable_difference_is_found_with_its_power(seeds, power):
    """Simulated experiments: a true difference of that size is found as often as is said."""
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(20_000, seeds))
    # the ratio of a true difference to its standard error, of a spread that is known
    pair = paired_difference(drawn[0], np.zeros(seeds), power=power)
    ratio = pair.detectable / pair.standard_error
    moved = drawn + ratio / seeds**0.5
    found = stats.ttest_1samp(moved, 0, axis=1).pvalue < 0.05
    # five standard errors of a share of 20,000
    assert found.mean() == pytest.approx(power, abs=5 * (power * (1 - power) / 20_000) ** 0.5)


def test_more_seeds_detect_less():
    spread = [0.0, 1.0, 2.0]
    few = paired_difference(spread, [0.0] * 3)
    many = paired_difference(spread * 3, [0.0] * 9)
    assert many.detectable < few.detectable / 3


@pytest.mark.parametrize(
    ('ours', 'theirs', 'message'),
    [
        ([1.0], [2.0], 'at least two pairs are needed, but got 1 and 1 numbers'),
        ([], [], 'got 0 and 0'),
        ([1.0, 2.0], [1.0], 'got 2 and 1'),
        ([1.0, 2.0], [0.0, 1.0], 'all pairs differ by 1, which shows no spread'),
    ],
)
def test_what_cannot_be_compared(ours, theirs, message):
    with pytest.raises(ValueError, match=message):
        paired_difference(ours, theirs)


@pytest.mark.parametrize(
    ('p', 'corrected'),
    [
        ([], []),
        ([0.04], [0.04]),
        # by hand: the smallest times 3, the next times 2, but never below an earlier one
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.04, 0.01, 0.012], [0.04, 0.03, 0.03]),
        ([0.6, 0.7], [1.0, 1.0]),
        ([0.02, 0.02], [0.04, 0.04]),
    ],
)
def test_holm(p, corrected):
    assert correct_by_holm(p) == pytest.approx(corrected)


def test_holm_keeps_false_alarms_rare():
    """Of many suites without any effect, at most 5 % have one that is called significant."""
    rng = np.random.default_rng(1)
    alarms = [min(correct_by_holm(rng.uniform(size=8))) < 0.05 for _ in range(4000)]
    assert np.mean(alarms) < 0.05 + 5 * (0.05 * 0.95 / 4000) ** 0.5


@pytest.mark.parametrize('seeds', [2, 3, 8])
def test_one_more_run_lies_in_its_interval_as_often_as_said(seeds):
    rng = np.random.default_rng(2)
    drawn = rng.normal(50, 3, size=(4000, seeds + 1))
    inside = [
        low <= one[-1] <= high
        for one in drawn
        for low, high in [prediction_interval(one[:-1].tolist(), 0.9)]
    ]
    assert np.mean(inside) == pytest.approx(0.9, abs=5 * (0.09 / 4000) ** 0.5)


def test_one_number_has_no_interval():
    with pytest.raises(ValueError, match='at least two numbers are needed, but got 1'):
        prediction_interval([1.0])


@pytest.mark.parametrize('number', [2, 5, 8])
def test_a_spread_lies_in_its_interval_as_often_as_is_said(number):
    drawn = np.random.default_rng(0).normal(scale=3.0, size=(20_000, number))
    low, high = zip(
        *(spread_interval(sd, number, 0.9) for sd in drawn.std(axis=1, ddof=1)), strict=True
    )
    inside = (np.array(low) < 3.0) & (np.array(high) > 3.0)
    # five standard errors of a share of 20,000
    assert inside.mean() == pytest.approx(0.9, abs=5 * (0.9 * 0.1 / 20_000) ** 0.5)


def test_a_single_number_has_no_spread():
    with pytest.raises(ValueError, match='at least two numbers are needed, but got 1'):
        spread_interval(1.0, 1)
