"""All stages of a method in turn, each a process of its own; what is done is skipped."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.table import Table

from qaclims_mm.console import new_console, styled
from qaclims_mm.engine.config import ROOT
from qaclims_mm.errors import EXIT_BAD_RECORDS, StageError
from qaclims_mm.schemas import (
    MANIFEST,
    METRICS,
    Manifest,
    join_problems,
    read_metrics,
    temporary_path,
    write_json,
)
from qaclims_mm.schemas.numbers.runs import Run, note_run, read_runs
from qaclims_mm.schemas.work_dir import CAMS, LOGS, PREDICTIONS, PSEUDO_MASKS
from qaclims_mm.workflow import plan
from qaclims_mm.workflow.costs import check_disk, costs_left, shown_cost, size_of
from qaclims_mm.workflow.done import CHANGED, DoneStages, command_of
from qaclims_mm.workflow.forked import ForkedTool
from qaclims_mm.workflow.locks import hold_stage, name_holder
from qaclims_mm.workflow.plan import Launch, Plan, Stage
from qaclims_mm.workflow.processes import wait_for

# {what people take out of a work dir: its folder in that of a stage}
MADE = {'maps': CAMS, 'masks': PSEUDO_MASKS, 'masks by the model': PREDICTIONS}
# with which a stage may mark the levels of its log
_COLOURS = re.compile(r'\x1b\[[\d;]*m')


class Pipeline:
    """Runs the stages of a plan that are not done.

    Args:
        plan: What runs, and where.
        seed: Seed of the seeded stages.
        launch: How the tools are started.
        console: Where the user reads.
        fork: Whether tools run in copies of this process, which spares each its imports.
    """

    def __init__(
        self,
        plan: Plan,
        seed: int = 0,
        launch: Launch | None = None,
        console: Console | None = None,
        fork: bool = False,
    ) -> None:
        self.plan, self.root, self.seed, self.fork = plan, plan.root, seed, fork
        self.launch, self.console = launch or Launch(), console or new_console()
        self.done = DoneStages(plan, seed)
        self._noting = threading.Lock()

    def command(self, stage: Stage) -> list[str]:
        """Return the command line of a stage."""
        arguments: list[str] = []
        if stage.config is not None:
            arguments += [stage.config]
            arguments += [stage.checkpoint] if stage.checkpoint is not None else []
            arguments += ['--work-dir', str(self.plan.folder(stage))]
        # in a value in double quotes, as JSON
        root = json.dumps(str(self.root))[1:-1]
        arguments += [argument.replace('{root}', root) for argument in stage.args]
        if stage.seeded:
            arguments += ['--cfg-options', f'randomness.seed={self.seed}']
        if stage.tool == 'train.py':
            arguments.append('--resume')
        return self.launch.command(stage, arguments)

    def overview(self, stages: Iterable[Stage]) -> Table:
        """Return what a run would do, how long it would take and how much it would write."""
        table = Table(title=f'{self.plan.path} in {self.root}', caption_justify='left')
        for title in ('stage', 'what', 'state', 'minutes', 'MB'):
            numeric = title in ('minutes', 'MB')
            table.add_column(title, justify='right' if numeric else 'left', no_wrap=numeric)
        left, changed = [], []
        for stage in stages:
            state = self.done.state(stage)
            changed += [stage.name] if state == CHANGED else []
            left += [stage] if state != 'done' else []
            costs = [shown_cost(c) for c in (stage.minutes, stage.megabytes)]
            table.add_row(stage.name, stage.about, state, *costs)
        table.caption = costs_left(left, self.root, self.plan.cost_source)
        if changed:
            table.caption += (
                f'\nmade with another config, seed or input: {", ".join(changed)}; '
                'the run would stop there'
            )
        return table

    def run(self, stages: Iterable[Stage]) -> int:
        """Run what is not done; returns 0, or ``EXIT_BAD_RECORDS`` if records were left out.

        Raises:
            StageError: If the disk is too small for what is left, or a stage fails.
        """
        stages, status = list(stages), 0
        check_disk([s for s in stages if not self.done.is_done(s)], self.root)
        for number, stage in enumerate(stages, start=1):
            title = ((f'{number}/{len(stages)} {stage.name}', 'bold'), f'  {stage.about}')
            if self.done.is_done(stage):
                self.console.print(styled(*title, '  ', ('done before', 'green')))
                before = self.status_of(stage)
                status = max(status, before)
                self._tell_left_out(stage, before)
                continue
            self.console.print(styled(*title))
            self.tell_ranks(stage)
            ran = self.run_stage(stage)
            status = max(status, ran.status)
            self._tell_left_out(stage, ran.status)
            used = f'{ran.seconds} s, {ran.gigabytes:.1f} GB at its peak'
            self.console.print(styled('    ', ('done', 'green'), f' in {used}'))
        self.collect_metrics(stages)
        if status == EXIT_BAD_RECORDS:
            self._tell_why(stages)
        return status

    def _tell_why(self, stages: Sequence[Stage]) -> None:
        """Say which records were left out of all stages, and how they get in."""
        of_files = [s for s in stages if s.tool == 'test.py']
        why = {i: reason for s in of_files for m in self._manifests(s) for i, reason in m.failed}
        lines = [f'{image_id}: {reason}' for image_id, reason in sorted(why.items())]
        told = join_problems(lines, 'records were left out') if lines else 'Records were left out'
        again = command_of(self.plan, f'{self.root}-again')
        text = (
            f'{told}\n'
            'What is done here was made without them. When they are mended, all of it anew: '
            f'{again}'
        )
        self.console.print(styled((text, 'yellow')), soft_wrap=True)

    def _tell_left_out(self, stage: Stage, status: int) -> None:
        if status != EXIT_BAD_RECORDS:
            return
        # a training has no list but its log
        made = self._manifests(stage) if stage.tool == 'test.py' else []
        ids = sorted({i for m in made for i, _ in m.failed}) or ['some records']
        what = ids[0] + (f' and {len(ids) - 1} more' if len(ids) > 1 else '')
        text = f'left out: {what}; see {self.log_of(stage)}'
        self.console.print(styled('    ', (text, 'yellow')), soft_wrap=True)

    def _manifests(self, stage: Stage) -> list[Manifest]:
        """Return those of the folders that a stage has filled."""
        return [Manifest.read(p.parent) for p in self.plan.folder(stage).glob(f'*/{MANIFEST}')]

    def made(self) -> dict[str, str]:
        """Return what people take out of the work dir, {what: where}, as far as it is there."""
        found = {}
        for stage in self.plan.stages:
            folder = self.plan.folder(stage)
            for what, folders in MADE.items():
                if stage.tool == 'test.py' and (folder / folders / MANIFEST).is_file():
                    found[what] = str(folder / folders)
            if stage.tool == 'test.py' and Path(str(stage.checkpoint)).is_file():
                found[f'model {folder.name}'] = f'{stage.checkpoint} (config {stage.config})'
        return found

    def run_stage(self, stage: Stage, beside: Mapping[str, str] | None = None) -> Run:
        """Run a stage, whatever its state.

        Args:
            stage: Of the plan.
            beside: Given if it runs beside others: further environment variables of its process,
                whose bars then go into its log.

        Raises:
            StageError: If it was begun from something else, is running, or fails.
        """
        # a file that nothing can be noted in is told before the work, not after it
        read_runs(self.root)
        resumed = self.done.is_begun(stage)
        # as it is now: its config may be edited while it runs
        manifest = self.done.begin(stage)
        folder = self.plan.folder(stage)
        begin, before = time.monotonic(), size_of(folder)
        status, gigabytes = self._run_one(stage, beside)
        ran = Run(
            seconds=round(time.monotonic() - begin),
            gigabytes=round(gigabytes, 2),
            megabytes=round((size_of(folder) - before) / 1e6, 1),
            status=status,
            resumed=resumed,
        )
        self._note_run(stage, ran)
        self.done.end(stage, manifest)
        return ran

    def adopt(self, stage: Stage, other: 'Pipeline', theirs: Stage) -> bool:
        """Take over what a pipeline of another seed has made, if no seed concerns it.

        The files are linked, not copied.

        Args:
            stage: Of this pipeline.
            other: The other pipeline.
            theirs: The same stage in it.

        Returns:
            Whether there was anything to take over.
        """
        made, ours = other.plan.folder(theirs), self.plan.folder(stage)
        if not self.plan.is_seedless(stage) or ours.exists() or not made.is_dir():
            return False
        if not other.done.is_done(theirs):
            return False
        temporary = temporary_path(ours)
        shutil.copytree(made, temporary, copy_function=os.link)
        temporary.rename(ours)
        self.done.end(stage, self.done.expected(stage))
        return True

    def tell_ranks(self, stage: Stage) -> None:
        """Say that a stage runs on other ranks than it is configured for, if it does."""
        ranks = self.launch.ranks_of(stage)
        if stage.ranks not in (None, ranks):
            text = (
                f'{stage.name}: its config is for {stage.ranks} ranks, but {ranks} run: '
                f'a step has {ranks}/{stage.ranks} of its images'
            )
            self.console.print(styled('    ', (text, 'yellow')))

    def status_of(self, stage: Stage) -> int:
        """Return the exit status with which a stage has ended; 0 if that is not known."""
        runs = read_runs(self.root)
        return runs[stage.name].status if stage.name in runs else 0

    def _note_run(self, stage: Stage, ran: Run) -> None:
        # stages may end in several threads
        with self._noting:
            note_run(self.root, stage.name, ran)

    def log_of(self, stage: Stage) -> Path:
        """Return the file that a stage's output goes to."""
        return self.root / LOGS / f'{stage.name}.log'

    def _run_one(self, stage: Stage, beside: Mapping[str, str] | None) -> tuple[int, float]:
        """Run a stage; returns its status and the memory of all its processes at the peak in GB."""
        log = self.log_of(stage)
        log.parent.mkdir(parents=True, exist_ok=True)
        with (
            hold_stage(self.root, stage.name) as lock,
            log.open('w', encoding='utf-8') as file,
        ):
            # what a killed run was about to rename
            for left in self.plan.folder(stage).rglob('.*.tmp'):
                if left.is_file():
                    left.unlink()
            process = self._start(stage, lock, file, beside)
            name_holder(lock, process.pid)
            code, peak = wait_for(process)
        if code not in (0, EXIT_BAD_RECORDS):
            text = log.read_text(encoding='utf-8', errors='replace')
            lines = _COLOURS.sub('', text).splitlines()
            last = next((line.strip() for line in reversed(lines) if line.strip()), 'no word')
            end = '\n'.join(lines[-15:])
            message = f'stage {stage.name} failed; its whole log is {log}.'
            raise StageError(message, end, f'ended with {code}: {last}')
        return code, peak

    def _start(
        self, stage: Stage, lock: IO, log: IO, beside: Mapping[str, str] | None
    ) -> subprocess.Popen | ForkedTool:
        """Start a stage; it keeps the lock if only this process is killed."""
        command = self.command(stage)
        # bars go to standard error: to the user's terminal, or into the log
        errors = None if sys.stderr.isatty() and beside is None else log
        if (
            self.fork
            and beside is None
            and command[:2] == [sys.executable, str(plan.TOOLS / stage.tool)]
        ):
            return ForkedTool(command[1], command[2:], log, errors, {ROOT: str(self.root)})
        quiet = dict(PYTHONWARNINGS='ignore', TRANSFORMERS_VERBOSITY='error')
        environment = {**os.environ, **quiet, ROOT: str(self.root), **(beside or {})}
        return subprocess.Popen(
            command, stdout=log, stderr=errors, env=environment, pass_fds=(lock.fileno(),)
        )

    def collect_metrics(self, stages: Iterable[Stage]) -> dict[str, dict[str, float]]:
        """Add to ``metrics.json`` of the pipeline, {stage folder: {metric: value}}.

        What was written before stays.
        """
        path = self.root / METRICS
        metrics: dict[str, dict[str, float]] = read_metrics(path) if path.is_file() else {}
        for stage in stages:
            path = self.plan.folder(stage) / METRICS
            if path.is_file():
                metrics |= read_metrics(path)
        write_json(self.root / METRICS, metrics)
        return metrics
