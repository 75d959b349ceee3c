"""Runs suites over seeds: what is ready goes on beside others, what fails does not end the rest."""

import difflib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from qaclims_mm.console import new_console, styled
from qaclims_mm.errors import EXIT_BAD_RECORDS, ConfigError, QAClimsError, StageError
from qaclims_mm.paths import config_path
from qaclims_mm.schemas import METRICS, read_metrics
from qaclims_mm.schemas.numbers.ablation_results import AblationResults, ResultRow
from qaclims_mm.visualization.ablation_tables import table_of, write_markdown
from qaclims_mm.workflow.costs import check_disk, costs_left, shown_cost
from qaclims_mm.workflow.pipeline import Pipeline
from qaclims_mm.workflow.plan import Launch, Plan, Stage, read_plan
from qaclims_mm.workflow.processes import end_family
from qaclims_mm.workflow.suites import TRAINED, Row, Suite, read_suite, rows_of, stages_of

TO_DO, RUNNING, DONE, FAILED = 'to do', 'running', 'done', 'failed'
SUITES = 'configs/suites'


@dataclass
class Job:
    """A stage of a seed; ``reason`` says why it failed, ``slot`` which share of the machine."""

    seed: int
    stage: Stage
    state: str = TO_DO
    reason: str = ''
    slot: int = 0


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
    """Trains and tests the rows of suites for several seeds, each in ``<work_dir>/seed<N>``.

    Args:
        config: A pipeline config.
        suites: Files of suites.
        seeds: Of the trainings.
        work_dir: Folder of the seeds; ``<work_dir>/ablations`` gets the results.
        jobs: How many stages run at once, each with its share of the cores and a GPU in turn.
        launch: How tools are started.
        console: Where the user reads.

    Raises:
        ConfigError: If the config or a suite is badly described, a suite does not fit, or two have
            one name.
    """

    def __init__(
        self,
        config: str,
        suites: Sequence[str | Path],
        seeds: Sequence[int],
        work_dir: str | Path,
        jobs: int = 1,
        launch: Launch | None = None,
        console: Console | None = None,
    ) -> None:
        self.config, self.seeds = config, list(dict.fromkeys(seeds))
        self.jobs, self.console = jobs, console or new_console()
        self.out_dir = Path(work_dir) / 'ablations'
        plans = {s: read_plan(config, Path(work_dir) / f'seed{s}') for s in self.seeds}
        self.pipelines = {s: Pipeline(p, s, launch, self.console) for s, p in plans.items()}
        self.suites = {path: read_suite(path) for path in dict.fromkeys(map(Path, suites))}
        _check_names(self.suites)
        self._rows = {
            (s, path): rows_of(plans[s], path) for s in self.seeds for path in self.suites
        }
        self._jobs = list(self._list_jobs(plans))
        self._of = {(job.seed, job.stage.name): job for job in self._jobs}

    def _list_jobs(self, plans: Mapping[int, Plan]) -> Iterator[Job]:
        """Yield the jobs in their order: row by row, so that seeds of a row end together."""
        stages = {
            seed: stages_of(plan, [row for path in self.suites for row in self._rows[seed, path]])
            for seed, plan in plans.items()
        }
        for of_seeds in zip(*stages.values(), strict=True):
            for seed, stage in zip(stages, of_seeds, strict=True):
                yield Job(seed, stage)

    def overview(self) -> Table:
        """Return what a run would do, how long it would take and how much it would write."""
        table = Table('seed', 'stage', 'state', caption_justify='left')
        for title in ('minutes', 'MB'):
            table.add_column(title, justify='right')
        for job in self._jobs:
            stage, state = job.stage, self.pipelines[job.seed].done.state(job.stage)
            costs = shown_cost(stage.minutes), shown_cost(stage.megabytes)
            table.add_row(str(job.seed), stage.name, state, *costs)
        plan = self.pipelines[self.seeds[0]].plan
        table.caption = costs_left(self._left(), plan.root, plan.cost_source)
        return table

    def run(self) -> int:
        """Run what is not done.

        Returns 1 if a stage failed, ``EXIT_BAD_RECORDS`` if records were left out, else 0.

        Raises:
            StageError: If the disk is too small for what is left.
        """
        status = 0
        for job in self._jobs:
            # made from what is there now, and that too from what is there now
            of_done = all(n.state == DONE for n in self._needed(job))
            if of_done and self.pipelines[job.seed].done.is_done(job.stage):
                job.state = DONE
                status = max(status, self.pipelines[job.seed].status_of(job.stage))
        self._check_disk()
        for stage in {s.name: s for s in self._left()}.values():
            self.pipelines[self.seeds[0]].tell_ranks(stage)
        running: dict[Future, Job] = {}
        live = Live(console=self.console, auto_refresh=False, transient=True)
        with live if self.console.is_terminal else nullcontext(), self._pool() as pool:
            try:
                status = max(status, self._run_all(pool, running, live))
            except BaseException:
                # or the pool would wait until they are done; one may just be starting
                while not all(future.done() for future in running):
                    end_family()
                    time.sleep(0.1)
                raise
        failed = any(job.state == FAILED for job in self._jobs)
        return 1 if failed else status

    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.jobs)

    def _run_all(self, pool: ThreadPoolExecutor, running: dict[Future, Job], live: Live) -> int:
        """Start what is ready until all has ended; returns the highest status.

        Args:
            pool: Of the threads that wait for stages.
            running: Gets the stages that run.
            live: Shows the tables.
        """
        status, slots = 0, list(range(self.jobs))
        while True:
            for job in self._ready():
                if not slots:
                    break
                job.state, job.slot = RUNNING, slots.pop(0)
                running[pool.submit(self._run_job, job)] = job
            self.write()
            live.update(Group(*self.tables(), self._progress()), refresh=live.is_started)
            if not running:
                return status
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job = running.pop(future)
                slots.append(job.slot)
                status = max(status, self._settle(job, future))

    def _left(self) -> list[Stage]:
        """Return what is to be made; what all seeds share, once."""
        return [
            job.stage
            for job in self._jobs
            if not self.pipelines[job.seed].done.is_done(job.stage)
            and (job is self._first(job) or not self._is_shared(job))
        ]

    def _check_disk(self) -> None:
        pipeline = self.pipelines[self.seeds[0]]
        check_disk(self._left(), pipeline.root)

    def _ready(self) -> list[Job]:
        """Return the jobs that can start now, and fail those that never can."""
        ready = []
        for job in self._jobs:
            if job.state != TO_DO:
                continue
            needed = self._needed(job)
            broken = [n.stage.name for n in needed if n.state == FAILED]
            if broken:
                job.state, job.reason = FAILED, f'stage {broken[0]}, which it needs, failed'
            elif all(n.state == DONE for n in needed) and not self._waits_for_first(job):
                ready.append(job)
        return ready

    def _needed(self, job: Job) -> list[Job]:
        return [self._of[job.seed, name] for name in job.stage.needs]

    def _waits_for_first(self, job: Job) -> bool:
        """Tell whether the first seed is about to make what this one would make again."""
        first = self._first(job)
        return job is not first and self._is_shared(job) and first.state in (TO_DO, RUNNING)

    def _is_shared(self, job: Job) -> bool:
        return self.pipelines[job.seed].plan.is_seedless(job.stage)

    def _first(self, job: Job) -> Job:
        """Return the same job of the first seed."""
        return self._of[self.seeds[0], job.stage.name]

    def _run_job(self, job: Job) -> int:
        """Run a stage, or take it over from the first seed; returns its status."""
        pipeline, first = self.pipelines[job.seed], self._first(job)
        first_pipeline = self.pipelines[first.seed]
        if first is not job and pipeline.adopt(job.stage, first_pipeline, first.stage):
            return first_pipeline.status_of(first.stage)
        return pipeline.run_stage(job.stage, self._share(job.slot)).status

    def _share(self, slot: int) -> dict[str, str]:
        """Return the environment variables that give a job its part of the machine."""
        share = {}
        if 'OMP_NUM_THREADS' not in os.environ:
            share['OMP_NUM_THREADS'] = str(max(1, (os.cpu_count() or 1) // self.jobs))
        gpus = torch.cuda.device_count()
        if self.jobs > 1 and gpus > 1 and 'CUDA_VISIBLE_DEVICES' not in os.environ:
            share['CUDA_VISIBLE_DEVICES'] = str(slot % gpus)
        return share

    def _settle(self, job: Job, future: Future) -> int:
        """Note how a job ended; returns its status."""
        try:
            status = future.result()
        except (QAClimsError, OSError) as error:
            job.state, job.reason, shown = FAILED, str(error), str(error)
            if isinstance(error, StageError) and error.log_end:
                log = self.pipelines[job.seed].log_of(job.stage)
                job.reason = f'{error.reason} (its log is {log})'
                shown = f'{error.log_end}\n\n{error}'
            self.console.print(styled(*self._title(job), '  ', ('failed', 'red'), f': {shown}'))
            return 1
        job.state = DONE
        found = self._metrics(job)
        first = next(iter(self._columns()))
        number = f'  {self._columns()[first]} {found[first]:.1f}' if first in found else ''
        left_out = '  records were left out' if status == EXIT_BAD_RECORDS else ''
        done = ('done', 'green')
        self.console.print(styled(*self._title(job), '  ', done, number, (left_out, 'yellow')))
        return status

    def _title(self, job: Job) -> tuple[str, tuple[str, str]]:
        ended = sum(j.state in (DONE, FAILED) for j in self._jobs)
        return f'{ended}/{len(self._jobs)} seed {job.seed} ', (job.stage.name, 'bold')

    def _progress(self) -> str:
        running = [f'{j.stage.name} (seed {j.seed})' for j in self._jobs if j.state == RUNNING]
        ended = sum(j.state in (DONE, FAILED) for j in self._jobs)
        return f'{ended} of {len(self._jobs)} stages; running: {", ".join(running) or "none"}'

    def _columns(self) -> dict[str, str]:
        """Return the metrics of maps that the pipeline's table shows."""
        columns = self.pipelines[self.seeds[0]].plan.table['columns']
        return {m: title for m, title in columns.items() if m.startswith('cam/')}

    def _metrics(self, job: Job) -> dict[str, float]:
        """Return what a stage that is done has measured."""
        folder = self.pipelines[job.seed].plan.folder(job.stage)
        path = folder / METRICS
        return read_metrics(path).get(folder.name, {}) if path.is_file() else {}

    def results(self) -> list[AblationResults]:
        """Return what is known now, suite by suite."""
        return [self._results_of(path, suite) for path, suite in self.suites.items()]

    def _results_of(self, path: Path, suite: Suite) -> AblationResults:
        own = [n for n, v in suite.variants.items() if v.stage == TRAINED and not v.is_varied]
        by_seed = [self._rows[seed, path] for seed in self.seeds]
        return AblationResults(
            suite.name,
            suite.title,
            self.config,
            own[0] if own else None,
            self._columns(),
            self.seeds,
            [self._result_row(rows) for rows in zip(*by_seed, strict=True)],
        )

    def _result_row(self, rows: Sequence[Row]) -> ResultRow:
        """Collect a row of all seeds."""
        variant, columns = rows[0].variant, self._columns()
        result = ResultRow(rows[0].name, variant.title, rows[0].folder, variant.paper)
        values: dict[str, dict[str, Any]] = {m: {} for m in columns}
        for seed, row in zip(self.seeds, rows, strict=True):
            job = self._of[seed, row.stages[-1].name]
            if job.state == FAILED:
                result.failed[str(seed)] = job.reason
            found = self._metrics(job) if job.state == DONE else {}
            for metric in columns:
                if metric in found:
                    values[metric][str(seed)] = found[metric]
        result.values.update(values)
        return result

    def write(self) -> list[Path]:
        """Write what is known now; returns the files."""
        return [
            path
            for found in self.results()
            for path in (*found.write(self.out_dir), write_markdown(found, self.out_dir))
        ]

    def tables(self) -> list[Any]:
        """Return the tables as they are now."""
        return [table_of(found) for found in self.results()]


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
