"""What an ablation found: mean, spread and a paired test over seeds, as files and tables."""

import csv
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table
from scipy import stats

from qaclims_mm.schemas import FormatError, atomic_path, read_json, write_json
from qaclims_mm.schemas.files import is_number, is_table
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
        config: The pipeline's file.
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
        """Write ``<suite>.json``, ``.csv`` and ``.md``; returns their paths."""
        paths = [Path(folder) / f'{self.suite}{suffix}' for suffix in ('.json', '.csv', '.md')]
        write_json(paths[0], dict(schema=SCHEMA, **self._with_summaries()))
        with (
            atomic_path(paths[1]) as temporary,
            temporary.open('w', newline='', encoding='utf-8') as file,
        ):
            csv.writer(file).writerows(self._lines())
        with atomic_path(paths[2]) as temporary:
            temporary.write_text(self.markdown(), encoding='utf-8')
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

    def cells(self) -> tuple[list[str], list[list[str]]]:
        """Return head and lines of the table that people read."""
        first = next(iter(self.columns))
        compared = [f'{self.columns[first]}: difference', 'p'] if self.reference else []
        papers = ['paper'] if any(row.paper for row in self.rows) else []
        head = ['', *papers, *self.columns.values(), *compared, 'seeds']
        return head, [self._cells(row, first, bool(compared), bool(papers)) for row in self.rows]

    def _cells(self, row: ResultRow, first: str, compared: bool, papers: bool) -> list[str]:
        cells = [row.title, *([_number(row.paper)] if papers else [])]
        for metric in self.columns:
            found = self.summary(row, metric)
            cells.append(_with_spread(found.mean, found.sd) if found else '')
        if compared:
            found = self.summary(row, first)
            cells += (
                [_with_spread(found.difference, found.standard_error, '+'), _chance(found.p)]
                if found
                else ['', '']
            )
        failed = f', failed: seed {", ".join(row.failed)}' if row.failed else ''
        return [*cells, f'{len(row.values.get(first, {}))}/{len(self.seeds)}{failed}']

    def markdown(self) -> str:
        """Return the table as Markdown, with what it shows below it."""
        head, lines = self.cells()
        rule = ['---'] + ['---:'] * (len(head) - 1)
        lines = [[cell.replace('|', '\\|') for cell in cells] for cells in lines]
        table = '\n'.join(f'| {" | ".join(cells)} |' for cells in (head, rule, *lines))
        return '\n\n'.join([f'## {self.title}', table, self.caption(), *self.failures()]) + '\n'

    def failures(self) -> list[str]:
        """Return why runs failed, a sentence each."""
        return [
            f'Failed: {row.title}, seed {seed}: {why}.'
            for row in self.rows
            for seed, why in row.failed.items()
        ]

    def caption(self) -> str:
        """Return what the numbers are."""
        of_seeds = 'mean ± standard deviation over seeds' if len(self.seeds) > 1 else 'one seed'
        text = f'In percent, {of_seeds} of {self.config}.'
        title = next((r.title for r in self.rows if r.name == self.reference), None)
        if not title:
            text += " No row is the pipeline's own training, with which others would be compared."
        else:
            text += f' Difference to "{title}"'
            text += (
                ' ± standard error, seed by seed; p of a paired t-test, not corrected for the '
                'number of rows.'
                if len(self.seeds) > 1
                else '.'
            )
        if any(row.paper for row in self.rows):
            text += " The paper's numbers are of VOC."
        return text

    def table(self) -> Table:
        """Return the table for a terminal."""
        head, lines = self.cells()
        table = Table(title=self.title, caption=self.caption(), caption_justify='left')
        for number, title in enumerate(head):
            table.add_column(title, justify='right' if number else 'left')
        for cells in lines:
            table.add_row(*cells)
        return table


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
    """Read what ``AblationResults.write`` has written as JSON.

    Raises:
        FormatError: If it is something else or of another schema.
    """
    value = read_json(path)
    if not is_table(value, object) or value.get('schema') != SCHEMA:
        raise FormatError(
            f'{path} is no result of an ablation of schema {SCHEMA}; run qaclims ablate again.'
        )
    names = set(AblationResults.__dataclass_fields__) - {'rows'}
    try:
        rows = [
            ResultRow(**{k: row[k] for k in ResultRow.__dataclass_fields__})
            for row in value['rows']
        ]
        fields = {k: value[k] for k in names} | dict(columns=dict(value['columns']))
        results = AblationResults(rows=rows, **fields)
        if not _is_sound(results):
            raise TypeError('fields of the types that qaclims ablate writes')
        return results
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f'{path} lacks {error}; run qaclims ablate again.') from error


def _is_sound(results: AblationResults) -> bool:
    """Return whether all fields that a file gave have the types that tables and plots need."""
    texts = (results.suite, results.title, results.config, results.version)
    return (
        all(isinstance(text, str) for text in texts)
        and isinstance(results.reference, (str, type(None)))
        and is_table(results.columns, str)
        and bool(results.columns)
        and isinstance(results.seeds, list)
        and all(type(seed) is int for seed in results.seeds)
        and all(map(_is_sound_row, results.rows))
    )


def _is_sound_row(row: ResultRow) -> bool:
    return (
        all(isinstance(text, str) for text in (row.name, row.title, row.folder))
        and (row.paper is None or is_number(row.paper))
        and is_table(row.values, dict)
        and all(is_table(seeds, object) for seeds in row.values.values())
        and all(is_number(v) for seeds in row.values.values() for v in seeds.values())
        and is_table(row.failed, str)
    )


def _number(value: float | None) -> str:
    return '' if value is None else f'{value:.1f}'


def _chance(p: float | None) -> str:
    return '' if p is None else f'{p:.3f}' if p >= 0.001 else '< 0.001'


def _with_spread(value: float | None, spread: float | None, sign: str = '') -> str:
    if value is None:
        return ''
    return f'{value:{sign}.1f}' + (f' ± {spread:.1f}' if spread is not None else '')
