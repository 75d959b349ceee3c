"""Results of an ablation: mean, spread and a paired test over seeds, as JSON and CSV."""

import csv
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.files import atomic_path, is_number, is_table, read_json, write_json
from qaclims_mm.version import __version__

SCHEMA = 1


@dataclass(frozen=True)
class Summary:
    """One metric of one row over seeds; ``None`` is what there are too few seeds for.

    Attributes:
        mean: Over the seeds.
        sd: Standard deviation of a sample.
        difference: To the reference, mean over the seeds that both have.
        standard_error: Of that difference.
        p: Of Student's paired test that there is no difference, two-sided.
    """

    mean: float
    sd: float | None = None
    difference: float | None = None
    standard_error: float | None = None
    p: float | None = None


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
        version: Of the package.
    """

    suite: str
    title: str
    config: str
    reference: str | None
    columns: dict[str, str]
    seeds: list[int]
    rows: list[ResultRow]
    version: str = __version__

    def summary(self, row: ResultRow, metric: str) -> Summary | None:
        """Return a metric of a row over seeds; ``None`` if no seed has it."""
        values = row.values.get(metric, {})
        if not values:
            return None
        reference = next((r for r in self.rows if r.name == self.reference), None)
        theirs = reference.values.get(metric, {}) if reference and reference is not row else {}
        return summarise(values, theirs)

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
        for row, entry in zip(self.rows, value['rows'], strict=True):
            found = {m: self.summary(row, m) for m in self.columns}
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
        for row in self.rows:
            for metric in self.columns:
                found = self.summary(row, metric)
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
    differences = np.array([values[s] - reference[s] for s in both])
    if len(both) == 1 or np.ptp(differences) == 0:
        return Summary(mean, sd, float(differences.mean()))
    error = float(differences.std(ddof=1)) / len(both) ** 0.5
    p = float(stats.ttest_1samp(differences, 0.0).pvalue)
    return Summary(mean, sd, float(differences.mean()), error, p)


def read_results(path: str | Path) -> AblationResults:
    """Read the JSON file that ``AblationResults.write`` has written.

    Raises:
        FormatError: If it is something else or of another schema.
    """
    value = read_json(path)
    if not is_table(value, object) or value.get('schema') != SCHEMA:
        raise FormatError(
            f'{path} is no result of an ablation of schema {SCHEMA}; run qaclims ablate again.'
        )
    if problem := _problem_of(value):
        raise FormatError(f'{path} {problem}; run qaclims ablate again.')
    names = set(_FIELDS) - {'columns'}
    rows = [ResultRow(**{k: row[k] for k in _ROW_FIELDS}) for row in value['rows']]
    fields = {k: value[k] for k in names} | dict(columns=dict(value['columns']))
    return AblationResults(rows=rows, **fields)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _are_columns(value: object) -> bool:
    """Tell whether a value is a list of pairs of a metric and its title, at least one."""
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(v, list) and [*map(type, v)] == [str, str] for v in value)


def _are_values(value: object) -> bool:
    """Tell whether a value is {metric: {seed: number}}."""
    if not isinstance(value, dict) or not is_table(value, dict):
        return False
    return all(
        is_table(seeds, object) and all(map(is_number, seeds.values())) for seeds in value.values()
    )


# {name: tells whether a value may stand there}
_FIELDS: dict[str, Callable[[object], bool]] = dict(
    suite=_is_text,
    title=_is_text,
    config=_is_text,
    reference=lambda v: v is None or _is_text(v),
    columns=_are_columns,
    seeds=lambda v: isinstance(v, list) and all(type(s) is int for s in v),
    version=_is_text,
)
_ROW_FIELDS: dict[str, Callable[[object], bool]] = dict(
    name=_is_text,
    title=_is_text,
    folder=_is_text,
    paper=lambda v: v is None or is_number(v),
    values=_are_values,
    failed=lambda v: is_table(v, str),
)


def _problem_of(value: Mapping[str, Any]) -> str:
    """Return what the JSON of results lacks, or nothing."""
    rows = value.get('rows')
    if not isinstance(rows, list) or not all(is_table(row, object) for row in rows):
        return "lacks 'rows', a list of tables"
    for where, found, fields in (
        ('', value, _FIELDS),
        *((' of a row', r, _ROW_FIELDS) for r in rows),
    ):
        for name, fits in fields.items():
            if name not in found:
                return f'lacks {name!r}{where}'
            if not fits(found[name]):
                return f'has another {name!r}{where} than is written'
    return ''
