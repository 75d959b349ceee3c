"""How long stages will take: their estimates, corrected by the stages that have run."""

import time
from collections.abc import Mapping
from typing import NamedTuple

# share of all estimated minutes; a smaller stage says more of how long a stage takes to start
_LARGE = 0.05
# times as long as on a quiet machine; what is below is its noise
_BUSY = 1.2
# above it a range from the quiet machine's time to the busy one's would say nothing
_SWAMPED = 5.0
# seconds of processor time that a measurement of the load takes
_SPIN = 0.1


class Correction(NamedTuple):
    """How many times its estimate a stage takes.

    Attributes:
        low: The least.
        usual: That of the stages together.
        high: The most.
        number: Stages that say so; 0 if none has run.
    """

    low: float = 1.0
    usual: float = 1.0
    high: float = 1.0
    number: int = 0


UNCORRECTED = Correction()


def compare_times(estimated: Mapping[str, float], ran: Mapping[str, float]) -> Correction:
    """Compare stages that have run with their estimates.

    Args:
        estimated: {stage: minutes}, of all stages.
        ran: {stage: minutes}, of those that have run.
    """
    least = _LARGE * sum(estimated.values())
    large = [name for name, m in estimated.items() if name in ran and m > 0 and m >= least]
    if not large:
        return UNCORRECTED
    ratios = [ran[name] / estimated[name] for name in large]
    usual = sum(ran[name] for name in large) / sum(estimated[name] for name in large)
    # a single stage may be an exception, so the estimates count as another one
    near = ratios if len(ratios) > 1 else [1.0, *ratios]
    return Correction(min(near), usual, max(near), len(ratios))


def measure_slowdown() -> float:
    """Return how many times longer a computation takes now than on this machine when it is quiet.

    It is the larger of two measurements, and 1 if the machine is as good as quiet.
    """
    found = []
    for _ in range(2):
        begin, end = time.perf_counter(), time.thread_time() + _SPIN
        while time.thread_time() < end:
            pass
        found.append((time.perf_counter() - begin) / _SPIN)
    return max(found) if max(found) >= _BUSY else 1.0


def shown_estimate(minutes: float, slowdown: float) -> str:
    """Return an estimate in words, such as ``4 to 9 minutes`` or ``4 minutes on a quiet machine``.

    Args:
        minutes: On a quiet machine.
        slowdown: Of ``measure_slowdown``.
    """
    if slowdown > _SWAMPED:
        return f'{shown_span(minutes, minutes)} on a quiet machine'
    return shown_span(minutes, slowdown * minutes)


def shown_span(low: float, high: float) -> str:
    """Return a span of minutes in words, such as ``4 to 9 minutes`` or ``1.5 to 3.0 hours``.

    Args:
        low: The least, in minutes.
        high: The most, in minutes.
    """
    if high > 120:
        first, last = (f'{m / 60:.0f}' if m >= 600 else f'{m / 60:.1f}' for m in (low, high))
        noun = 'hours'
    else:
        first, last = f'{low:.0f}', f'{high:.0f}'
        noun = 'minute' if last == '1' else 'minutes'
        if last == '0' and high > 0:
            return 'less than a minute'
        if first == '0' and last != '0':
            return f'up to {last} {noun}'
    return f'{last} {noun}' if first == last else f'{first} to {last} {noun}'
