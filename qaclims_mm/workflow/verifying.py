"""Compare a row that was measured again with the results that are stored."""

from typing import NamedTuple

from qaclims_mm.console import Table
from qaclims_mm.errors import ConfigError
from qaclims_mm.schemas.names import counted
from qaclims_mm.schemas.numbers.ablation_results import AblationResults
from qaclims_mm.schemas.numbers.paired import prediction_interval

# half a unit of the last digit that is printed
_ROUNDING = 0.05


class Verified(NamedTuple):
    """A metric that was measured again, in percent.

    Attributes:
        title: Of the metric.
        stored: {seed: the stored number}.
        low: Lower end of the interval in which one more training lies in 19 of 20 cases.
        high: Its upper end.
        measured: The number now.
        same_seed: What is stored of this seed, or ``None``.
    """

    title: str
    stored: dict[str, float]
    low: float
    high: float
    measured: float
    same_seed: float | None

    @property
    def is_inside(self) -> bool:
        """Whether the number lies in the interval, up to what is printed."""
        return self.low - _ROUNDING <= self.measured <= self.high + _ROUNDING


def verify_row(stored: AblationResults, measured: AblationResults, name: str) -> list[Verified]:
    """Compare a row of a suite, metric by metric.

    Args:
        stored: Results of at least two seeds.
        measured: Of one seed.
        name: Of the row.

    Raises:
        ConfigError: If the row is not stored over two seeds, or has no number now.
    """
    ours, theirs = (
        next((r for r in results.rows if r.name == name), None) for results in (measured, stored)
    )
    known = theirs.values if theirs else {}
    if not any(len(values) > 1 for values in known.values()):
        raise ConfigError(
            f'the stored results of suite {stored.suite} have row {name} over fewer than two '
            'seeds, so no interval is known.'
        )
    [seed] = map(str, measured.seeds)
    numbers = {m: v[seed] for m, v in ours.values.items() if seed in v} if ours else {}
    if not numbers:
        raise ConfigError(f'row {name} of suite {stored.suite} has no number of seed {seed}.')
    return [
        Verified(
            stored.columns[metric],
            known[metric],
            *prediction_interval(list(known[metric].values())),
            number,
            known[metric].get(seed),
        )
        for metric, number in numbers.items()
        if len(known.get(metric, {})) > 1
    ]


def verified_table(title: str, found: list[Verified], seed: int) -> Table:
    """Return the table for a terminal."""
    table = Table(title=title)
    table.add_column('')
    is_stored = any(row.same_seed is not None for row in found)
    same = [f'stored, seed {seed}'] if is_stored else []
    for head in ('stored', 'one more lies within', 'measured', *same, 'inside'):
        table.add_column(head, justify='right')
    for row in found:
        mean = sum(row.stored.values()) / len(row.stored)
        table.add_row(
            row.title,
            f'{mean:.1f} ({counted(len(row.stored), "seed")})',
            f'{row.low:.1f} to {row.high:.1f}',
            f'{row.measured:.1f}',
            *(['' if row.same_seed is None else f'{row.same_seed:.1f}'] if is_stored else []),
            'yes' if row.is_inside else 'no',
        )
    return table
