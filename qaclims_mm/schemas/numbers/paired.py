"""Statistics of runs over seeds: differences, spreads, what could be found, one run more."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats


class PairedDifference(NamedTuple):
    """The mean difference of two methods, and how far it can be trusted.

    Attributes:
        mean: Mean difference.
        standard_error: Of the mean.
        low: Lower end of the confidence interval of the mean.
        high: Upper end of that interval.
        p: Of Student's paired test that there is no difference, two-sided.
        detectable: The smallest true difference that this test finds, on the right side, with the
            given power, if the differences spread as these do.
    """

    mean: float
    standard_error: float
    low: float
    high: float
    p: float
    detectable: float


def paired_difference(
    ours: Sequence[float],
    theirs: Sequence[float],
    confidence: float = 0.95,
    power: float = 0.8,
) -> PairedDifference:
    """Compare two methods that ran under the same conditions, for example with the same seeds.

    Args:
        ours: A number of each run, at least two.
        theirs: The same of the other method, in the same order.
        confidence: Of the interval, within (0, 1). The test that ``detectable`` is about has the
            level ``1 - confidence``.
        power: Chance with which ``detectable`` is found, within (0, 1).

    Raises:
        ValueError: If there are fewer than two pairs, numbers without a partner, or all pairs
            differ by the same, so that nothing can be said about chance.

    Example:
        >>> found = paired_difference([3.0, 5.0, 5.0], [1.0, 2.0, 4.0])
        >>> f'{found.mean:.1f} from {found.low:.1f} to {found.high:.1f}, p {found.p:.3f}'
        '2.0 from -0.5 to 4.5, p 0.074'
    """
    if len(ours) != len(theirs) or len(ours) < 2:
        raise ValueError(
            f'at least two pairs are needed, but got {len(ours)} and {len(theirs)} numbers.'
        )
    differences = np.asarray(ours, float) - np.asarray(theirs, float)
    if np.ptp(differences) == 0:
        raise ValueError(f'all pairs differ by {differences[0]:g}, which shows no spread.')
    freedom = len(differences) - 1
    mean, error = float(differences.mean()), float(stats.sem(differences))
    critical = float(stats.t.ppf((1 + confidence) / 2, freedom))
    return PairedDifference(
        mean,
        error,
        mean - critical * error,
        mean + critical * error,
        float(2 * stats.t.sf(abs(mean) / error, freedom)),
        error * _detectable_ratio(freedom, critical, power),
    )


def _detectable_ratio(freedom: int, critical: float, power: float) -> float:
    """Return how many standard errors a true difference has that is found with a power."""

    def missing(ratio: float) -> float:
        return float(stats.nct.sf(critical, freedom, ratio)) - power

    # the power grows with the difference, towards 1
    high = critical + 1
    while missing(high) < 0:
        high *= 2
    return float(optimize.brentq(missing, 0, high))


def correct_by_holm(p: Sequence[float]) -> list[float]:
    """Correct the p-values of several tests for their number (Holm, 1979).

    With corrected values below 0.05 alone called significant, the chance that any of the tests
    errs is at most 5 %, however they depend on each other.

    Args:
        p: Each within [0, 1].

    Returns:
        The corrected values in the same order, each within [0, 1].

    Example:
        >>> correct_by_holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, float)
    order = np.argsort(values, kind='stable')
    weights = np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(np.maximum.accumulate(values[order] * weights), 1)
    return [float(v) for v in corrected]


def prediction_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Return the ends of the interval in which one more run lies with a probability.

    The runs and the one more are taken as draws of one normal distribution.

    Args:
        values: A number of each run, at least two.
        confidence: The probability, within (0, 1).

    Raises:
        ValueError: If there are fewer than two.

    Example:
        >>> low, high = prediction_interval([59.0, 59.3, 59.9])
        >>> f'{low:.1f} to {high:.1f}'
        '57.1 to 61.7'
    """
    number = len(values)
    if number < 2:
        raise ValueError(f'at least two numbers are needed, but got {number}.')
    spread = float(np.std(values, ddof=1)) * (1 + 1 / number) ** 0.5
    reach = float(stats.t.ppf((1 + confidence) / 2, number - 1)) * spread
    mean = float(np.mean(values))
    return mean - reach, mean + reach


def spread_interval(sd: float, number: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the confidence interval of a standard deviation.

    The runs are taken as draws of one normal distribution.

    Args:
        sd: Standard deviation of a sample.
        number: Of the runs, at least two.
        confidence: Within (0, 1).

    Raises:
        ValueError: If there are fewer than two runs.

    Example:
        >>> low, high = spread_interval(1.2, 5)
        >>> f'{low:.1f} to {high:.1f}'
        '0.7 to 3.4'
    """
    if number < 2:
        raise ValueError(f'at least two numbers are needed, but got {number}.')
    freedom = number - 1
    ends = stats.chi2.ppf([(1 + confidence) / 2, (1 - confidence) / 2], freedom)
    low, high = sd * np.sqrt(freedom / ends)
    return float(low), float(high)
