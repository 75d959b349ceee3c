"""Results of an ablation: mean, spread and a paired test over seeds, as JSON and CSV."""

import csv
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from qaclims_mm.errors import ConfigError
from qaclims_mm.schemas.files import atomic_path, write_json
from qaclims_mm.schemas.numbers.paired import correct_by_holm, paired_difference
from qaclims_mm.version import __version__

SCHEMA = 2
# a difference over fewer seeds claims nothing
ENOUGH_SEEDS = 5


@dataclass(frozen=True)
class Summary:
    """One metric of one row over seeds; ``None`` is what there are too few seeds for.

    Attributes:
        mean: Over the seeds.
        sd: Standard deviation of a sample.
        difference: To the reference, mean over the seeds that both have.
        standard_error: Of that difference.
        low: Lower end of its 95 % interval.
        high: Upper end of that interval.
        detectable: The smallest true difference that the test would find four times in five.
        p: Of Student's paired test that there is no difference, two-sided.
        p_holm: The same, corrected by Holm for the number of rows that a suite compares.
    """

    mean: float
    sd: float | None = None
    difference: float | None = None
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None
    detectable: float | None = None
    p: float | None = None
    p_holm: float | None = None


@dataclass
class ResultRow:
    """One row.

    Attributes:
        name: In the suite.
        title: In tables.
        folder: Of its maps and numbers below each seed's folder.
        paper: The paper's number.
        values: {metric: {seed: value}}.
        failed: {seed: why}.
    """

    name: str
    title: str
    folder: str
    paper: float | None = None
    values: dict[str, dict[str, float]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass
class AblationResults:
    """All of a suite.

    Attributes:
        suite: Its name.
        title: What is compared.
        config: The plan's file.
        reference: Name of the row that others are compared with, or ``None``.
        columns: {metric: title}; the first one is what the comparison is about.
        seeds: Those that were asked for.
        rows: In the order of the suite.
        machines: {seed: what computed it, and when}; without those that are not known.
        version: Of the package.
    """

    suite: str
    title: str
    config: str
    reference: str | None
    columns: dict[str, str]
    seeds: list[int]
    rows: list[ResultRow]
    machines: dict[str, str] = field(default_factory=dict)
    version: str = __version__

    def summaries(self, metric: str) -> dict[str, Summary | None]:
        """Return {name of a row: a metric over seeds}; ``None`` if no seed has it."""
        reference = next((r for r in self.rows if r.name == self.reference), None)
        theirs = reference.values.get(metric, {}) if reference else {}
        found = {
            row.name: summarise(values, theirs if row is not reference else {})
            if (values := row.values.get(metric, {}))
            else None
            for row in self.rows
        }
        tested = {name: s for name, s in found.items() if s and s.p is not None}
        corrected = correct_by_holm([s.p for s in tested.values() if s.p is not None])
        for (name, summary), p in zip(tested.items(), corrected, strict=True):
            found[name] = replace(summary, p_holm=p)
        return found

    def add(self, other: 'AblationResults') -> None:
        """Take over the seeds of the same suite that ran elsewhere.

        Raises:
            ConfigError: If the suite, the plan, a row or the columns differ, or a seed is there
                twice.
        """
        for name in ('suite', 'config', 'reference', 'columns'):
            ours, theirs = getattr(self, name), getattr(other, name)
            if ours != theirs:
                raise ConfigError(
                    f'results of suite {self.suite} cannot be joined: {name} is {ours!r} here and '
                    f'{theirs!r} there.'
                )
        if twice := sorted({*self.seeds} & {*other.seeds}):
            raise ConfigError(
                f'results of suite {self.suite} cannot be joined: both have seed {twice[0]}; run '
                'the suite with other --seeds.'
            )
        rows = {row.name: row for row in other.rows}
        if rows.keys() != (names := {row.name for row in self.rows}):
            [name, *_] = sorted(rows.keys() ^ names)
            raise ConfigError(
                f'results of suite {self.suite} cannot be joined: row {name!r} is in one of them '
                'alone.'
            )
        self.seeds = sorted([*self.seeds, *other.seeds])
        self.machines.update(other.machines)
        for row in self.rows:
            row.failed.update(rows[row.name].failed)
            for metric, values in rows[row.name].values.items():
                row.values.setdefault(metric, {}).update(values)

    def write(self, folder: str | Path) -> list[Path]:
        """Write ``<suite>.json`` and ``.csv``; returns their paths."""
        paths = [Path(folder) / f'{self.suite}{suffix}' for suffix in ('.json', '.csv')]
        write_json(paths[0], dict(schema=SCHEMA, **self._with_summaries()))
        with (
            atomic_path(paths[1]) as temporary,
            temporary.open('w', newline='', encoding='utf-8') as file,
        ):
            csv.writer(file).writerows(self._lines())
        return paths

    def _with_summaries(self) -> dict[str, Any]:
        # JSON's objects are sorted when they are written
        value = asdict(self) | dict(columns=list(self.columns.items()))
        summaries = {m: self.summaries(m) for m in self.columns}
        for row, entry in zip(self.rows, value['rows'], strict=True):
            found = {m: summaries[m][row.name] for m in self.columns}
            for name in Summary.__dataclass_fields__:
                entry[name] = {m: getattr(s, name) for m, s in found.items() if s}
        return value

    def _lines(self) -> list[list[Any]]:
        """Return the lines of the CSV file, a metric of a row each."""
        names = list(Summary.__dataclass_fields__)
        lines: list[list[Any]] = [
            [
                'name',
                'title',
                'paper',
                'metric',
                *names,
                *(f'seed {s}' for s in self.seeds),
                'failed',
            ]
        ]
        summaries = {m: self.summaries(m) for m in self.columns}
        for row in self.rows:
            for metric in self.columns:
                found = summaries[metric][row.name]
                numbers = [getattr(found, n) if found else None for n in names]
                each = [row.values.get(metric, {}).get(str(s)) for s in self.seeds]
                failed = '; '.join(f'seed {s}: {why}' for s, why in row.failed.items())
                lines.append([row.name, row.title, row.paper, metric, *numbers, *each, failed])
        return lines


def summarise(values: Mapping[str, float], reference: Mapping[str, float]) -> Summary:
    """Summarise a metric over seeds.

    Args:
        values: {seed: value}, not empty.
        reference: The same of the row that it is compared with; may be empty.
    """
    numbers = np.array(list(values.values()))
    mean, sd = float(numbers.mean()), float(numbers.std(ddof=1)) if len(numbers) > 1 else None
    both = [seed for seed in values if seed in reference]
    if not both:
        return Summary(mean, sd)
    ours, theirs = ([row[s] for s in both] for row in (values, reference))
    differences = np.subtract(ours, theirs)
    difference = float(differences.mean())
    if len(both) == 1 or np.ptp(differences) == 0:
        return Summary(mean, sd, difference)
    pairs = paired_difference(ours, theirs)
    return Summary(
        mean, sd, difference, pairs.standard_error, pairs.low, pairs.high, pairs.detectable, pairs.p
    )
