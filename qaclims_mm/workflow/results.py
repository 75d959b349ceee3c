"""Suites over seeds in a workflow, and the tables of their results."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from qaclims_mm.errors import ConfigError
from qaclims_mm.paths import config_path, shipped_name
from qaclims_mm.schemas import METRICS, read_metrics
from qaclims_mm.schemas.names import counted, hint_of_name, shown_name, shown_text
from qaclims_mm.schemas.numbers.ablation_reading import read_results
from qaclims_mm.schemas.numbers.ablation_results import AblationResults, ResultRow
from qaclims_mm.schemas.numbers.runs import Run, read_runs
from qaclims_mm.visualization.ablation_tables import write_markdown
from qaclims_mm.workflow.failures import why_missing
from qaclims_mm.workflow.graph import Graph
from qaclims_mm.workflow.plans import Plan, read_plan
from qaclims_mm.workflow.stage import Stage
from qaclims_mm.workflow.suites import Row, Suite, read_suite, rows_of, stages_of

SUITES = 'configs/suites'


def find_suite(name: str) -> Path:
    """Return the file of a suite: a path, or a name in ``configs/suites``.

    Raises:
        ConfigError: If there is no such file.
    """
    # those that ship are found from any folder
    folder = Path(SUITES) if Path(SUITES).is_dir() else Path(config_path('suites'))
    path = Path(name) if name.endswith('.py') else folder / f'{name}.py'
    if not path.is_file():
        known = sorted(p.stem for p in folder.glob('*.py'))
        close = difflib.get_close_matches(path.stem, known, n=1)
        hint = f'; did you mean {close[0]}?' if close else f'; {folder} has {", ".join(known)}.'
        raise ConfigError(f'there is no suite {path}{hint}')
    return path


class Ablation:
    """The rows of suites over seeds, each seed in ``<work_dir>/seed<N>``.

    Args:
        plan: File of a plan.
        suites: Files of suites.
        seeds: Of the trainings.
        work_dir: Folder of the seeds; ``<work_dir>/ablations`` gets the results.
        joined: Folders with results of the same suites over other seeds.
        rows: Names of the rows that run; by default all.

    Raises:
        ConfigError: If the plan or a suite is badly described, a suite does not fit, two have one
            name, or results that are to be joined are not of the same rows.
        FormatError: If a file of these is something else.
    """

    def __init__(
        self,
        plan: str,
        suites: Sequence[str | Path],
        seeds: Sequence[int],
        work_dir: str | Path,
        joined: Sequence[str | Path] = (),
        rows: Collection[str] | None = None,
    ) -> None:
        self.plan, self.base = plan, Path(work_dir)
        self.out_dir = self.base / 'ablations'
        plans = {s: read_plan(plan, self.base / f'seed{s}') for s in dict.fromkeys(seeds)}
        self.suites = {path: read_suite(path) for path in dict.fromkeys(map(Path, suites))}
        _check_names(self.suites)
        self._joined = [Path(folder) for folder in joined]
        self.suites = {path: _chosen(suite, rows) for path, suite in self.suites.items()}
        self._rows = {
            (s, path): [row for row in rows_of(p, path) if row.name in suite.variants]
            for s, p in plans.items()
            for path, suite in self.suites.items()
        }
        self.stages: dict[int, list[Stage]] = {
            s: stages_of(p, [row for path in self.suites for row in self._rows[s, path]])
            for s, p in plans.items()
        }
        self.graph = Graph(self.base, plans, self.stages)
        if joined:
            # what cannot be joined is refused before hours of training
            self.results()

    @property
    def _plan(self) -> Plan:
        return next(iter(self.graph.plans.values()))

    def _columns_of(self, suite: Suite) -> dict[str, str]:
        """Return {metric: title}: the suite's own, or those of maps in the plan's table."""
        columns = self._plan.table['columns']
        of_maps = {m: title for m, title in columns.items() if m.startswith('cam/')}
        return {**suite.columns} or of_maps

    def results(self) -> list[AblationResults]:
        """Return what is known now, suite by suite."""
        found = [self._results_of(path, suite) for path, suite in self.suites.items()]
        for results in found:
            for other in self._read_joined(results.suite):
                results.add(other)
        return found

    def joined_lines(self) -> list[str]:
        """Return which seeds of which file are joined, a line each."""
        return [
            f'joined: {counted(len(found.seeds), "seed")} ({", ".join(map(str, found.seeds))}) of '
            f'{shown_text(folder / suite.name)}.json'
            for suite in self.suites.values()
            for folder, found in zip(self._joined, self._read_joined(suite.name), strict=True)
        ]

    def _read_joined(self, suite: str) -> list[AblationResults]:
        paths = [folder / f'{suite}.json' for folder in self._joined]
        if missing := next((p for p in paths if not p.is_file()), None):
            raise ConfigError(
                f'{missing} does not exist, so no seeds of suite {suite} can be joined; give a '
                'folder into which qaclims ablate has written results of this suite.'
            )
        return [read_results(path) for path in paths]

    def _results_of(self, path: Path, suite: Suite) -> AblationResults:
        columns = self._columns_of(suite)
        by_seed = [self._rows[seed, path] for seed in self.graph.plans]
        return AblationResults(
            suite.name,
            suite.title,
            shipped_name(self.plan),
            suite.reference if suite.reference in suite.variants else None,
            columns,
            list(self.graph.plans),
            [self._result_row(rows, columns) for rows in zip(*by_seed, strict=True)],
            self._machines_of(path),
        )

    def _machines_of(self, path: Path) -> dict[str, str]:
        """Return {seed: the machines that its rows ran on, and when}."""
        found = {}
        for seed, plan in self.graph.plans.items():
            runs = read_runs(plan.root)
            stages = {stage.name for row in self._rows[seed, path] for stage in row.stages}
            known = [runs[name] for name in sorted(stages & runs.keys()) if runs[name].machine]
            if known:
                found[str(seed)] = _machines_and_dates(known)
        return found

    def _result_row(self, rows: Sequence[Row], columns: Collection[str]) -> ResultRow:
        """Collect a row of all seeds."""
        variant, test = rows[0].variant, rows[0].stages[-1].name
        result = ResultRow(rows[0].name, variant.title, test, variant.paper)
        values: dict[str, dict[str, Any]] = {m: {} for m in columns}
        for seed, plan in self.graph.plans.items():
            if why := why_missing(plan.root, self.stages[seed], test):
                # one line of a table
                result.failed[str(seed)] = ' '.join(why.split())
                continue
            path = plan.root / test / METRICS
            found = read_metrics(path).get(test, {}) if path.is_file() else {}
            # maps that a refiner has made are scored as others are, under a name of their own
            for metric in values:
                value = found.get(metric, found.get(metric.replace('cam/', 'mask/', 1)))
                if value is not None:
                    values[metric][str(seed)] = value
        result.values.update(values)
        return result

    def write(self) -> list[Path]:
        """Write what is known now; returns the files."""
        return [
            path
            for found in self.results()
            for path in (*found.write(self.out_dir), write_markdown(found, self.out_dir))
        ]


def _machines_and_dates(runs: Sequence[Run]) -> str:
    machines = '; '.join(sorted({run.machine for run in runs}))
    first, last = (end(run.date for run in runs) for end in (min, max))
    return f'{machines} ({first if first == last else f"{first} to {last}"})'


def _chosen(suite: Suite, rows: Collection[str] | None) -> Suite:
    """Return a suite with these rows alone, or all."""
    for name in rows or ():
        if name not in suite.variants:
            raise ConfigError(
                f'suite {suite.name} has no row {shown_name(name)}; '
                f'{hint_of_name(name, suite.variants)}'
            )
    chosen = {n: v for n, v in suite.variants.items() if rows is None or n in rows}
    return replace(suite, variants=chosen)


def _check_names(suites: Mapping[Path, Suite]) -> None:
    """Refuse suites whose rows and results would share their folders."""
    files: dict[str, Path] = {}
    for path, suite in suites.items():
        other = files.setdefault(suite.name, path)
        if other != path:
            raise ConfigError(
                f'{other} and {path} have one name, by which their trainings and results are '
                'called; give one of them another.'
            )
