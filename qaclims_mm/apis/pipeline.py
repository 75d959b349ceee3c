"""All stages of a method in turn, each a process of its own; what is done is skipped."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from rich.console import Console
from rich.table import Table

from qaclims_mm.engine.launch import EXIT_BAD_RECORDS, read_config
from qaclims_mm.paths import SHIPPED, resolve
from qaclims_mm.schemas import (
    CLAIM,
    METRICS,
    FormatError,
    Manifest,
    hash_config,
    hash_file,
    manifest_hash,
    read_json,
    write_json,
)

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
DONE, LOGS = 'done', 'logs'


@dataclass(frozen=True)
class Stage:
    """One run of a tool.

    Attributes:
        name: Name in the plan.
        tool: File in ``tools/``.
        about: What it does, in a few words.
        config: Config the tool takes, or ``None``.
        checkpoint: Checkpoint that ``test.py`` takes, or ``none``.
        args: Further words of the command line.
        folder: Its folder below the pipeline's work dir; by default its name.
        needs: Names of the stages whose files it reads.
        seeded: Whether the pipeline's seed concerns it.
    """

    name: str
    tool: str
    about: str = ''
    config: str | None = None
    checkpoint: str | None = None
    args: tuple[str, ...] = ()
    folder: str = ''
    needs: tuple[str, ...] = ()
    seeded: bool = False


def read_plan(path: str | Path, work_dir: str | Path | None = None) -> tuple[Path, list[Stage]]:
    """Read a pipeline config.

    Args:
        path: Has ``work_dir`` and ``stages``, a list of ``Stage`` arguments; ``{work_dir}`` in a
            string stands for the pipeline's folder.
        work_dir: Replaces that of the config.

    Returns:
        The work dir and the stages.

    Raises:
        FormatError: If a stage is badly described or needs one that does not come before it.
    """
    cfg = Config.fromfile(path)
    root = Path(work_dir or cfg.work_dir)
    stages: list[Stage] = []
    for entry in cfg.stages:
        try:
            text = json.dumps(entry.to_dict()).replace('{work_dir}', str(root))
            values: dict[str, Any] = {
                k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(text).items()
            }
            stage = Stage(**values)
        except TypeError as error:
            raise FormatError(f'{path}: stage {entry.get("name")}: {error}.') from error
        known = {s.name for s in stages}
        unknown = sorted(set(stage.needs) - known)
        if unknown or stage.name in known:
            raise FormatError(
                f'{path}: stage {stage.name} stands twice or needs {unknown}, '
                'which must come before it.'
            )
        stages.append(stage)
    return root, stages


def _files_of(path: Path) -> list[Path]:
    """Return a file, or all files of a folder."""
    return [path] if path.is_file() else sorted(p for p in path.rglob('*') if p.is_file())


def select(stages: Sequence[Stage], first: str | None, last: str | None) -> list[Stage]:
    """Return the stages from ``first`` to ``last``, both included.

    Raises:
        FormatError: If there is no such stage.
    """
    names = [s.name for s in stages]
    for name in (first, last):
        if name is not None and name not in names:
            raise FormatError(f'there is no stage {name}; the plan has {", ".join(names)}.')
    begin = names.index(first) if first else 0
    end = names.index(last) + 1 if last else len(names)
    return list(stages[begin:end])


class Pipeline:
    """Runs stages and remembers, in ``done/``, from what each was made.

    Args:
        root: The pipeline's work dir.
        seed: Seed of the seeded stages.
        console: Where the user reads.
    """

    def __init__(self, root: str | Path, seed: int = 0, console: Console | None = None) -> None:
        self.root, self.seed = Path(root), seed
        self.console = console or Console()

    def expected(self, stage: Stage) -> Manifest:
        """Return the manifest that a stage has when it is done with what is there now.

        Raises:
            FormatError: If a stage that it needs is not done.
        """
        config = self._config(stage)
        what = dict(
            tool=stage.tool,
            args=stage.args,
            config=config,
            checkpoint=stage.checkpoint,
            work_dir=str(self.root),
        )
        return Manifest(
            stage.name,
            hash_config(what),
            inputs={n: manifest_hash(self.root / DONE / n) for n in stage.needs},
            extra=dict(seed=self.seed) if stage.seeded else {},
        )

    def _config(self, stage: Stage) -> str:
        if stage.config is None:
            return ''
        config = read_config(stage.config, self._folder(stage)).to_dict()
        # weights that ship may be trained again under the same name
        names = sorted(set(re.findall(f'{SHIPPED}[^\'"]+', repr(config))))
        files = [f for name in names for f in _files_of(Path(resolve(name)))]
        return hash_config({**config, 'shipped': [hash_file(f) for f in files]})

    def _folder(self, stage: Stage) -> str:
        return str(self.root / (stage.folder or stage.name))

    def is_done(self, stage: Stage) -> bool:
        """Tell whether a stage's manifest matches its config and its inputs."""
        folder = self.root / DONE / stage.name
        try:
            return Manifest.read(folder) == self.expected(stage)
        except FormatError:
            return False

    def command(self, stage: Stage) -> list[str]:
        """Return the command line of a stage."""
        command = [sys.executable, str(TOOLS / stage.tool)]
        if stage.config is not None:
            command += [stage.config]
            command += [stage.checkpoint] if stage.checkpoint is not None else []
            command += ['--work-dir', self._folder(stage)]
        command += stage.args
        if stage.seeded:
            command += ['--cfg-options', f'randomness.seed={self.seed}']
        if stage.tool == 'train.py':
            command.append('--resume')
        return command

    def run(self, stages: Iterable[Stage]) -> int:
        """Run what is not done; returns 0, or ``EXIT_BAD_RECORDS`` if records were left out.

        Raises:
            SystemExit: If a stage fails, with the end of its log.
        """
        stages, status = list(stages), 0
        for number, stage in enumerate(stages, start=1):
            title = f'[bold]{number}/{len(stages)} {stage.name}[/bold]  {stage.about}'
            if self.is_done(stage):
                self.console.print(f'{title}  [green]done before[/green]')
                continue
            self.console.print(title)
            self._claim(stage)
            begin = time.monotonic()
            status = max(status, self._run_one(stage))
            self.expected(stage).write(self.root / DONE / stage.name)
            self.console.print(f'    [green]done[/green] in {time.monotonic() - begin:.0f} s')
        self.collect_metrics(stages)
        return status

    def _claim(self, stage: Stage) -> None:
        """Mark a stage as begun, so that no run goes on with what another one left.

        Raises:
            FormatError: If it was begun from something else.
        """
        path, manifest = self.root / DONE / stage.name / CLAIM, self.expected(stage)
        begun = dict(config=manifest.config_hash, inputs=manifest.inputs, **manifest.extra)
        if path.is_file() and read_json(path) != begun:
            raise FormatError(
                f'stage {stage.name} was begun in {self.root} with another config, seed or input; '
                f'choose another --work-dir, or delete {self._folder(stage)} and {path.parent}.'
            )
        write_json(path, begun)

    def _run_one(self, stage: Stage) -> int:
        log = self.root / LOGS / f'{stage.name}.log'
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, 'PYTHONWARNINGS': 'ignore', 'TRANSFORMERS_VERBOSITY': 'error'}
        with log.open('w') as file:
            # bars go to standard error: to the user's terminal, or into the log
            code = subprocess.run(
                self.command(stage),
                stdout=file,
                stderr=None if sys.stderr.isatty() else file,
                env=environment,
                check=False,
            ).returncode
        if code not in (0, EXIT_BAD_RECORDS):
            end = ''.join(log.read_text(errors='replace').splitlines(keepends=True)[-15:])
            raise SystemExit(f'{end}\nstage {stage.name} failed; its whole log is {log}.')
        if code == EXIT_BAD_RECORDS:
            self.console.print(f'    [yellow]some records were left out: see {log}[/yellow]')
        return code

    def collect_metrics(self, stages: Iterable[Stage]) -> dict[str, dict[str, float]]:
        """Write ``metrics.json`` of the pipeline, {stage folder: {metric: value}}."""
        metrics: dict[str, dict[str, float]] = {}
        for stage in stages:
            path = Path(self._folder(stage)) / METRICS
            if path.is_file():
                metrics |= read_json(path)
        write_json(self.root / METRICS, metrics)
        return metrics


def metrics_table(
    metrics: Mapping[str, Mapping[str, Any]], rows: Mapping[str, str], columns: Mapping[str, str]
) -> Table:
    """Return a table of chosen numbers.

    Args:
        metrics: {stage: {metric: value}}.
        rows: {stage: its title}; a stage that has not run is left out.
        columns: {metric: its title}; what a stage lacks is left empty.
    """
    table = Table()
    table.add_column('', no_wrap=True)
    for title in columns.values():
        table.add_column(title, justify='right')
    for stage, title in rows.items():
        if stage not in metrics:
            continue
        found = metrics[stage]
        table.add_row(title, *(f'{found[m]:.1f}' if m in found else '' for m in columns))
    return table
