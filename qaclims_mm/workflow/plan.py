"""The stages of a method: what runs, from what, and what it costs."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from qaclims_mm.engine.config_file import execute_config
from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.paths import tools_folder
from qaclims_mm.schemas.numbers.costs import Cost, Costs, read_costs
from qaclims_mm.schemas.numbers.runs import read_runs

TOOLS = tools_folder()
# those that share their work among ranks
RANKED = ('train.py', 'test.py')


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
        ranks: Number of ranks that its training is configured for; ``None`` is any.
        minutes: How long it takes, by the plan's ``costs``; ``None`` is unknown.
        megabytes: How much it writes, by the same; ``None`` is unknown.
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
    ranks: int | None = None
    minutes: float | None = None
    megabytes: float | None = None


@dataclass(frozen=True)
class Plan:
    """A pipeline config.

    Attributes:
        path: Its file.
        root: Work dir of the pipeline.
        stages: In the order in which they run.
        comparators: Further stages, which run for suites alone.
        table: ``rows`` {stage: title} and ``columns`` {metric: title} of the final table.
        cost_source: Where ``minutes`` and ``megabytes`` are from.
    """

    path: Path
    root: Path
    stages: tuple[Stage, ...]
    comparators: tuple[Stage, ...] = ()
    table: dict[str, dict[str, str]] = field(default_factory=dict)
    cost_source: str = ''

    @property
    def all_stages(self) -> tuple[Stage, ...]:
        """Those of the pipeline, then those of suites."""
        return (*self.stages, *self.comparators)

    def select(self, first: str | None = None, last: str | None = None) -> list[Stage]:
        """Return the stages from ``first`` to ``last``, both included.

        Raises:
            ConfigError: If there is no such stage, or the last one comes before the first.
        """
        names = [s.name for s in self.stages]
        if not names:
            raise ConfigError(f'{self.path} has no stages, so nothing would run.')
        for name in (first, last):
            if name is not None and name not in names:
                raise ConfigError(f'there is no stage {name}; the plan has {", ".join(names)}.')
        begin = names.index(first) if first else 0
        end = names.index(last) + 1 if last else len(names)
        if end <= begin:
            raise ConfigError(f'stage {last} comes before {first}: nothing would run.')
        return list(self.stages[begin:end])

    def lineage(self, stage: Stage) -> set[str]:
        """Return the names of a stage and of all that it is made from, directly or not."""
        known = {s.name: s for s in self.all_stages}
        found, todo = {stage.name}, list(stage.needs)
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo += known[name].needs if name in known else ()
        return found

    def is_seedless(self, stage: Stage) -> bool:
        """Tell whether all seeds make the same of a stage, in a folder that is its own."""
        known = {s.name: s for s in (*self.all_stages, stage)}
        lineage = [known.get(name) for name in self.lineage(stage)]
        return stage.folder in ('', stage.name) and all(s and not s.seeded for s in lineage)

    def folder(self, stage: Stage) -> Path:
        """Return the folder of a stage."""
        return self.root / (stage.folder or stage.name)


def read_plan(path: str | Path, work_dir: str | Path | None = None) -> Plan:
    """Read a pipeline config.

    Args:
        path: Has ``work_dir`` and ``stages``, a list of ``Stage`` arguments; ``comparators``,
            another one, if suites need more; and ``costs``, a file of ``schemas.numbers.costs``.
            ``{work_dir}`` in ``args`` and ``checkpoint`` stands for the pipeline's folder. What
            the work dir has noted of earlier runs goes before ``costs``.
        work_dir: Replaces that of the config.

    Raises:
        ConfigError: If it does not exist, a stage is badly described or needs one that does not
            come before it.
    """
    if not Path(path).is_file():
        raise ConfigError(f'there is no pipeline config {path}; see configs/pipelines.')
    # plans call functions of the package, which mmengine would take for a lazy config
    cfg = execute_config(path, lazy_import=False)
    missing = [k for k in ('work_dir', 'stages') if k not in cfg]
    if missing:
        raise ConfigError(
            f'{path} is no pipeline, since it has no {" and no ".join(missing)}; give a pipeline '
            'config. The config of a single stage is for qaclims train or qaclims test.'
        )
    entries = [cfg.stages, cfg.get('comparators', [])]
    if not all(isinstance(e, list) and all(isinstance(s, dict) for s in e) for e in entries):
        raise ConfigError(f'{path}: stages and comparators must be lists of dicts; correct them.')
    root = Path(work_dir or cfg.work_dir)
    costs = read_costs(cfg.costs) if cfg.get('costs') else Costs('', {})
    own = _own_costs(root, costs.stages)
    known_costs = costs.stages | own
    sources = [costs.source] * bool(costs.source) + ['earlier runs in this work dir'] * bool(own)
    stages: list[Stage] = []
    for entry in (*cfg.stages, *cfg.get('comparators', [])):
        try:
            stage = Stage(**_filled(entry.to_dict(), str(root)))
            if stage.name in known_costs:
                stage = replace(stage, **known_costs[stage.name]._asdict())
        except TypeError as error:
            raise ConfigError(f'{path}: stage {entry.get("name")}: {error}.') from error
        known = {s.name for s in stages}
        unknown = sorted(set(stage.needs) - known)
        if unknown or stage.name in known:
            raise ConfigError(
                f'{path}: stage {stage.name} stands twice or needs {unknown}, '
                'which must come before it.'
            )
        stages.append(stage)
    table = cfg.get('table') or dict(rows={}, columns={})
    number = len(cfg.stages)
    return Plan(
        Path(path), root, tuple(stages[:number]), tuple(stages[number:]), table, '; '.join(sources)
    )


def _own_costs(root: Path, shipped: Mapping[str, Cost]) -> dict[str, Cost]:
    """Return what stages have cost in a work dir; a stage that was resumed is left out.

    Args:
        root: The work dir.
        shipped: What the plan's file says, which also counts what goes into other folders.
    """
    try:
        runs = read_runs(root)
    except FormatError:
        # a run refuses the file and says why; a plan is read for less than that
        return {}
    return {
        name: Cost(run.seconds / 60, run.megabytes or shipped.get(name, Cost(None, 0)).megabytes)
        for name, run in runs.items()
        if not run.resumed
    }


def _filled(entry: dict[str, Any], root: str) -> dict[str, Any]:
    """Return a stage's arguments with the work dir in its command line; other strings are data."""
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
    if values.get('checkpoint'):
        values['checkpoint'] = values['checkpoint'].replace('{work_dir}', root)
    if 'args' in values:
        values['args'] = tuple(arg.replace('{work_dir}', root) for arg in values['args'])
    return values


@dataclass(frozen=True)
class Launch:
    """How the tools that share their work are started.

    Attributes:
        launcher: ``none``, ``pytorch`` (ranks on this machine) or ``slurm`` (``srun``, which takes
            what else it needs from its own environment variables).
        ranks: Number of ranks; a stage whose training is configured for another number gets that.

    Raises:
        ValueError: If the launcher is unknown, or there are several ranks without one.
    """

    launcher: str = 'none'
    ranks: int = 1

    def __post_init__(self) -> None:
        if self.launcher not in ('none', 'pytorch', 'slurm'):
            raise ValueError(f'launcher must be none, pytorch or slurm, but got {self.launcher!r}.')
        if self.ranks < 1 or (self.launcher == 'none' and self.ranks > 1):
            raise ValueError(f'{self.ranks} ranks need --launcher pytorch or slurm.')

    def ranks_of(self, stage: Stage) -> int:
        """Return how many ranks a stage gets."""
        if self.launcher == 'none' or stage.tool not in RANKED:
            return 1
        return stage.ranks or self.ranks

    def command(self, stage: Stage, arguments: Sequence[str]) -> list[str]:
        """Return the command line that runs a stage's tool."""
        script, python, number = str(TOOLS / stage.tool), sys.executable, self.ranks_of(stage)
        if number == 1:
            return [python, script, *arguments]
        arguments = [*arguments, '--launcher', self.launcher]
        if self.launcher == 'slurm':
            ranks = [f'--ntasks={number}', '--kill-on-bad-exit=1']
            return ['srun', *ranks, python, script, *arguments]
        # standalone: on a free port, so that two pipelines do not meet
        ranks = [str(TOOLS / 'dist_run.py'), '--standalone', f'--nproc_per_node={number}']
        return [python, *ranks, script, *arguments]
