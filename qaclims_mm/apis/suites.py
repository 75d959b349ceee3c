"""Ablations: a pipeline's training again and again, each time with other options."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mmengine.config import Config

from qaclims_mm.apis.plan import Plan, Stage
from qaclims_mm.engine.launch import base_parser, read_config
from qaclims_mm.schemas import FormatError

# the stage that makes the text bank, and the string of a config that says where it is
TEXTS = 'texts'


@dataclass(frozen=True)
class Variant:
    """One row of an ablation.

    Attributes:
        title: In the table.
        options: {dotted key of the config: value}: a number, ``None``, a truth, a text without
            blanks, or a list of these.
        paper: The paper's mIoU of the maps on VOC train, in percent.
    """

    title: str
    options: Mapping[str, Any] = field(default_factory=dict)
    paper: float | None = None


def read_suite(path: str | Path) -> dict[str, Variant]:
    """Read a suite's ``variants``.

    Raises:
        FormatError: If the file does not exist or describes them badly.
    """
    if not Path(path).is_file():
        raise FormatError(f'there is no suite {path}; see configs/suites.')
    try:
        variants = Config.fromfile(path, lazy_import=False).get('variants')
    except SyntaxError as error:
        raise FormatError(f'{path} is no Python ({error.msg}).') from error
    try:
        found = {name: Variant(**entry) for name, entry in variants.items()}
    except (AttributeError, TypeError) as error:
        raise FormatError(
            f'{path} needs variants = {{name: dict(title=..., options={{...}})}} ({error}).'
        ) from error
    if not found:
        raise FormatError(f'{path} has no variants.')
    return found


def with_suite(plan: Plan, path: str | Path, trained: str = 'qa_clims') -> Plan:
    """Return a plan that trains and tests the variants of a suite after what they need.

    A variant has the folder ``<first word of the suite>-<name>``, so that several suites share all
    other stages of the pipeline; one without options is the pipeline's own training. One that
    changes an option of ``text_bank`` makes a text bank of its own first.

    Args:
        plan: Of a pipeline with the stages ``texts``, ``<trained>`` and ``<trained>_maps``.
        path: The suite.
        trained: The stage that is varied.

    Raises:
        FormatError: If the plan lacks one of the stages, or an option is none of its config or
            cannot be given on a command line.
    """
    stages = {stage.name: stage for stage in plan.stages}
    wanted = (TEXTS, trained, f'{trained}_maps')
    lacking = [name for name in wanted if name not in stages]
    if lacking:
        raise FormatError(f'{plan.path} has no stage {lacking[0]}, which {path} varies.')
    varied: list[Stage] = []
    rows: dict[str, str] = {}
    for name, variant in read_suite(path).items():
        _check_options(f'{path}: {name}', variant, str(stages[trained].config))
        if variant.options:
            folder = f'{Path(path).stem.split("_")[0]}-{name}'
            varied += _stages_of(plan.root, folder, variant, *(stages[n] for n in wanted))
        else:
            folder = plan.folder(stages[trained]).name
            varied += [stages[trained], stages[f'{trained}_maps']]
        paper = f' (paper, VOC: {variant.paper})' if variant.paper else ''
        rows[folder] = variant.title + paper
    before = _needed(stages, varied)
    columns = {k: v for k, v in plan.table['columns'].items() if k.startswith('cam/')}
    table = dict(rows=rows, columns=columns)
    return replace(plan, stages=(*before, *varied), table=table)


def _stages_of(
    root: Path, folder: str, variant: Variant, texts: Stage, train: Stage, test: Stage
) -> Iterator[Stage]:
    """Yield the stages of a variant: its texts, if they are its own, training and maps."""
    options = dict(variant.options)
    own_bank = any(key.startswith('text_bank.') for key in options)
    if own_bank:
        options[TEXTS] = f'{{work_dir}}/{TEXTS}'
    flags = [f'{key}={_as_option(value)}' for key, value in options.items()]
    own: dict[str, Any] = dict(folder=folder, args=('--cfg-options', *flags))
    bank = texts.name
    if own_bank:
        bank = f'{folder}_{TEXTS}'
        yield replace(texts, name=bank, about=f'texts of {variant.title}', **own)
    needs = (*(n for n in train.needs if n != texts.name), bank)
    yield replace(train, name=folder, about=f'train {variant.title}', needs=needs, **own)
    checkpoint = str(root / folder / Path(str(test.checkpoint)).name)
    yield replace(test, name=f'{folder}_maps', checkpoint=checkpoint, needs=(folder,), **own)


def _check_options(where: str, variant: Variant, config: str) -> None:
    """Refuse options that the config lacks, or that would arrive as something else."""
    cfg = read_config(config).to_dict()
    for key, value in variant.options.items():
        node: Any = cfg
        for part in key.split('.'):
            if not isinstance(node, Mapping) or part not in node:
                raise FormatError(f'{where}: {config} has no {key}.')
            node = node[part]
        if '.' not in key and not isinstance(node, str):
            raise FormatError(
                f'{where}: {key} is read by {config} alone; name the place where it is used, '
                'such as optim_wrapper.optimizer.lr.'
            )
        flags = [config, '--cfg-options', f'{key}={_as_option(value)}']
        arrived = base_parser('').parse_args(flags).cfg_options[key]
        if arrived != (list(value) if isinstance(value, (list, tuple)) else value):
            raise FormatError(
                f'{where}: {key} = {value!r} would arrive as {arrived!r}; a leaf config can have '
                'it, a suite cannot.'
            )


def _as_option(value: Any) -> str:
    """Write a value as ``--cfg-options`` reads it."""
    if isinstance(value, (list, tuple)):
        return f'[{",".join(map(str, value))}]'
    return str(value)


def _needed(stages: Mapping[str, Stage], varied: Sequence[Stage]) -> list[Stage]:
    """Return the stages of the pipeline that come before others, in its order."""
    found: set[str] = set()
    todo = {n for stage in varied for n in stage.needs}
    while todo:
        name = todo.pop()
        if name in stages and name not in found:
            found.add(name)
            todo |= set(stages[name].needs)
    ours = {stage.name for stage in varied}
    return [stage for name, stage in stages.items() if name in found - ours]
