"""Plans: the stages of a method, what each is made from, and what it costs."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mmengine.config import Config

from qaclims_mm.engine.compat import mend_openmmlab
from qaclims_mm.engine.config import read_config
from qaclims_mm.engine.config_file import execute_config
from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.schemas.mask_choice import DEFAULT, MaskChoice, read_choice
from qaclims_mm.schemas.numbers.costs import Cost, Costs, read_costs
from qaclims_mm.schemas.numbers.runs import read_runs
from qaclims_mm.schemas.run_environment import labels_environment
from qaclims_mm.schemas.work_dir import LOGS
from qaclims_mm.workflow.masks_by import choose_masks
from qaclims_mm.workflow.stage import Stage, lineage
from qaclims_mm.workflow.time_left import UNCORRECTED, Correction, compare_times

_NAME = re.compile(r'\w[\w.-]*')


@dataclass(frozen=True)
class Plan:
    """What ``read_plan`` has read.

    Attributes:
        path: Its file.
        root: Work dir.
        stages: Each after those that it needs.
        comparators: Further stages, which run for suites and comparisons alone.
        table: ``rows`` {stage: title} and ``columns`` {metric: title} of the final table, and
            ``paper`` {stage: (metric, its value in a paper)} if there is something to compare with.
        cost_source: Where ``minutes`` and ``megabytes`` are from.
        choice: Which masks its segmentor is trained on; ``None`` if it has none to choose from.
        masks_by: The choice of the plan itself, which a work dir or a command line may replace.
        correction: What the stages that have run say of the estimates of the others, whose
            ``minutes`` are corrected by it.
    """

    path: Path
    root: Path
    stages: tuple[Stage, ...]
    comparators: tuple[Stage, ...] = ()
    table: dict[str, dict[str, Any]] = field(default_factory=dict)
    cost_source: str = ''
    choice: MaskChoice | None = None
    masks_by: str = DEFAULT
    correction: Correction = UNCORRECTED

    @property
    def all_stages(self) -> tuple[Stage, ...]:
        """Those of the plan, then those of suites."""
        return (*self.stages, *self.comparators)

    def select(self, first: str | None = None, last: str | None = None) -> list[Stage]:
        """Return the stages that ``last`` is made from and that are made from ``first``.

        Args:
            first: This stage, and what is made from it; ``None`` is all.
            last: This stage, and what it is made from; ``None`` is all.

        Raises:
            ConfigError: If there is no such stage, or none is left.
        """
        names = [s.name for s in self.stages]
        if not names:
            raise ConfigError(f'{self.path} has no stages, so nothing would run.')
        for name in (first, last):
            if name is not None and name not in names:
                raise ConfigError(f'there is no stage {name}; the plan has {", ".join(names)}.')
        wanted = set(names) if last is None else lineage(last, self.stages)
        found = [
            s
            for s in self.stages
            if s.name in wanted and (first is None or first in lineage(s.name, self.stages))
        ]
        if not found:
            raise ConfigError(f'stage {last} is not made from {first}: nothing would run.')
        return found


def read_plan(
    path: str | Path, work_dir: str | Path | None = None, masks_by: str | None = None
) -> Plan:
    """Read a plan.

    Args:
        path: Has ``work_dir`` and ``stages``, a list of ``Stage`` arguments; ``comparators``,
            another one, if suites need more; ``costs``, a file of ``schemas.numbers.costs``; and
            ``masks_by``, its choice of masks, if that is not IRN's; and ``labels_file``, a table of
            labels for VOC, relative to its ``data_root``. What the work dir has noted of earlier
            runs goes before ``costs``.
        work_dir: Replaces that of the plan.
        masks_by: Which masks its segmentor is trained on, see ``MASKS_BY``; by default
            what the work dir has noted, else what the plan says.

    Raises:
        ConfigError: If it does not exist, has no such masks, a stage is badly described or of a
            name that stands twice, needs one that does not exist, or stages need each other.
    """
    if not Path(path).is_file():
        raise ConfigError(f'there is no plan {path}; see configs/pipelines.')
    # plans call functions of the package, which mmengine would take for a lazy config
    cfg = execute_config(path, lazy_import=False)
    missing = [k for k in ('work_dir', 'stages') if k not in cfg]
    if missing:
        raise ConfigError(
            f'{path} is no plan, since it has no {" and no ".join(missing)}; give a plan. '
            'The config of a single stage is for qaclims train or qaclims test.'
        )
    entries = [cfg.stages, cfg.get('comparators', [])]
    if not all(isinstance(e, list) and all(isinstance(s, dict) for s in e) for e in entries):
        raise ConfigError(f'{path}: stages and comparators must be lists of dicts; correct them.')
    root = Path(work_dir or cfg.work_dir)
    costs, correction = _read_costs(cfg.get('costs'), root)
    labels = cfg.get('labels_file') or ''
    if not isinstance(labels, str):
        raise ConfigError(f'{path}: labels_file must be the path of a table, but is {labels!r}.')
    main, more = (
        [replace(_stage(path, entry.to_dict(), costs.stages), labels=labels) for entry in group]
        for group in entries
    )
    # before anything follows what stages need
    _in_order(path, [*main, *more])
    noted, own_choice = read_choice(root), cfg.get('masks_by', DEFAULT)
    option = masks_by or (noted.masks_by if noted else own_choice)
    chosen = choose_masks(path, main, more, option)
    ordered = _in_order(path, [*chosen.main, *chosen.others])
    mine = {s.name for s in chosen.main}
    return Plan(
        Path(path),
        root,
        tuple(s for s in ordered if s.name in mine),
        tuple(s for s in ordered if s.name not in mine),
        cfg.get('table') or dict(rows={}, columns={}),
        costs.source,
        chosen.choice,
        own_choice,
        correction,
    )


def _stage(path: str | Path, entry: dict[str, Any], known: Mapping[str, Cost]) -> Stage:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
    known_keys = list(Stage.__dataclass_fields__)
    if unknown := sorted(set(values) - set(known_keys)):
        close = difflib.get_close_matches(unknown[0], known_keys, n=1) or known_keys
        raise ConfigError(
            f'{path}: stage {entry.get("name")} has {unknown[0]}, which is none of its fields; the '
            f'nearest is {close[0]}.'
        )
    try:
        stage = Stage(**values)
    except TypeError as error:
        raise ConfigError(f'{path}: stage {entry.get("name")}: {error}.') from error
    if not isinstance(stage.name, str) or not _NAME.fullmatch(stage.name) or stage.name == LOGS:
        raise ConfigError(
            f'{path}: stage {stage.name!r} names a folder, so it may have letters, digits, _, - '
            f'and . alone, and cannot be {LOGS}.'
        )
    costs: dict[str, Any] = known[stage.name]._asdict() if stage.name in known else {}
    return replace(stage, rule=stage.rule or stage.name, **costs)


def _in_order(path: str | Path, stages: Sequence[Stage]) -> list[Stage]:
    """Return stages so that each comes after those that it needs, else as they stand.

    Raises:
        ConfigError: If that cannot be.
    """
    names = [s.name for s in stages]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise ConfigError(f'{path}: stage {twice[0]} stands twice; give one another name.')
    for stage in stages:
        if unknown := sorted(set(stage.needs) - set(names)):
            raise ConfigError(
                f'{path}: stage {stage.name} needs {unknown[0]}, but there is no such stage; '
                f'there are {", ".join(names)}.'
            )
    ordered: list[Stage] = []
    left = list(stages)
    while left:
        there = {s.name for s in ordered}
        ready = next((s for s in left if there.issuperset(s.needs)), None)
        if ready is None:
            raise ConfigError(
                f'{path}: stages need each other: {", ".join(s.name for s in left)}; each must be '
                'made from others.'
            )
        left.remove(ready)
        ordered.append(ready)
    return ordered


def _read_costs(path: str | None, root: Path) -> tuple[Costs, Correction]:
    """Return the costs of a plan, as the stages that have run in its work dir correct them.

    Args:
        path: File of the costs, if the plan has one.
        root: The work dir.
    """
    costs = read_costs(path) if path else Costs('', {})
    own = _own_costs(root, costs.stages)
    sources = [costs.source] * bool(costs.source) + ['earlier runs in this work dir'] * bool(own)
    correction = _correction_of(costs.stages, own)
    known = {k: _scaled(c, correction.usual) for k, c in costs.stages.items()} | own
    return Costs('; '.join(sources), known), correction


def _correction_of(estimated: Mapping[str, Cost], own: Mapping[str, Cost]) -> Correction:
    minutes, ran = (
        {name: c.minutes for name, c in costs.items() if c.minutes is not None}
        for costs in (estimated, own)
    )
    return compare_times(minutes, ran)


def _scaled(cost: Cost, factor: float) -> Cost:
    return cost if cost.minutes is None else cost._replace(minutes=cost.minutes * factor)


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


def read_configs(path: str | Path, options: dict | None = None) -> list[Config]:
    """Return a stage's config, or those of a plan's stages, each once.

    Args:
        path: The file.
        options: {dotted key: value} that override a stage's values.

    Raises:
        ConfigError: If there is no such file, it is of neither, or a plan is given options.
    """
    if not Path(path).is_file():
        raise ConfigError(f'config {path} does not exist; see configs/ for those that ship.')
    mend_openmmlab()
    found = execute_config(path, lazy_import=False)
    # a plan may call the path of such a config ir_label
    if 'model' in found or isinstance(found.get('ir_label'), dict):
        return [read_config(str(path), options=options)]
    if 'stages' not in found:
        raise ConfigError(f'{path} is the config of neither a stage nor a plan; give one.')
    if options:
        raise ConfigError(f'{path} is a plan, which takes no options; give them to a stage.')
    labels = {s.config: s.labels for s in read_plan(path).stages if s.config}
    with labels_environment(next(iter(labels.values()), '')):
        return [read_config(p) for p in labels]
