"""Suites: trainings of a plan side by side, or one of them again and again, varied."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from qaclims_mm.engine.config import read_config
from qaclims_mm.engine.config_file import execute_config
from qaclims_mm.engine.config_keys import options_of
from qaclims_mm.engine.parser import base_parser
from qaclims_mm.errors import ConfigError
from qaclims_mm.registry import DATASETS, MODELS, PROMPTED_SEGMENTERS, VQA_MODELS
from qaclims_mm.schemas.files import is_table
from qaclims_mm.schemas.names import hint_of_name, shown_name
from qaclims_mm.schemas.stage_folder import WORK_DIR
from qaclims_mm.workflow.method import last_checkpoint
from qaclims_mm.workflow.plans import Plan
from qaclims_mm.workflow.stage import SEED_OPTION, Stage, lineage

# the stages that ask the VQA model and make the text bank, and the training that is varied
QAPE, TEXTS = 'qape', 'texts'
TRAINED = 'qa_clims'
HOOKS = 'default_hooks'


@dataclass(frozen=True)
class Variant:
    """One row of an ablation.

    Attributes:
        title: In the table.
        options: {dotted key of the config: value}: a number, ``None``, a truth, a text without
            blanks, or a list of these.
        qape: The same for the config of the stage ``qape``; makes a corpus of its own.
        stage: The training of the plan that the row is, or a test run that needs none; ``options``
            and ``qape`` vary a training.
        paper: The paper's mIoU of the maps on VOC train, in percent.
        seed_option: Dotted key that gets the seeds in place of that of the training, which then
            keeps the seed of its config.
    """

    title: str
    options: Mapping[str, Any] = field(default_factory=dict)
    qape: Mapping[str, Any] = field(default_factory=dict)
    stage: str = TRAINED
    paper: float | None = None
    seed_option: str = SEED_OPTION

    @property
    def is_varied(self) -> bool:
        """Whether it is a training of its own."""
        return bool(self.options or self.qape)


@dataclass(frozen=True)
class Suite:
    """A file of ``configs/suites``.

    Attributes:
        name: Of the file.
        title: What is compared.
        variants: {name: row}.
        columns: {metric: title}, in place of the plan's metrics of maps; the first one is compared.
        reference: The row that others are compared with, or ``None``.
    """

    name: str
    title: str
    variants: Mapping[str, Variant]
    columns: Mapping[str, str] = field(default_factory=dict)
    reference: str | None = None


@dataclass(frozen=True)
class Row:
    """A variant as stages of a plan.

    Attributes:
        name: In the suite.
        variant: What it is.
        stages: All that are its own, the test of its maps last.
    """

    name: str
    variant: Variant
    stages: tuple[Stage, ...]


def read_suite(path: str | Path) -> Suite:
    """Read a suite's ``title``, ``variants``, ``columns`` and ``reference``.

    Raises:
        ConfigError: If the file does not exist or describes them badly.
    """
    if not Path(path).is_file():
        raise ConfigError(f'there is no suite {path}; see configs/suites.')
    cfg = execute_config(path, lazy_import=False)
    try:
        found = {name: Variant(**entry) for name, entry in cfg.get('variants').items()}
    except (AttributeError, TypeError) as error:
        has = ', '.join(cfg) or 'nothing'
        raise ConfigError(
            f'{path} needs variants = {{name: dict(title=..., options={{...}})}} ({error}); '
            f'it has {has}.'
        ) from error
    if not found:
        raise ConfigError(f'{path} has no variants.')
    name = Path(path).stem
    bad = [row for row in (name, *found) if not re.fullmatch(r'[\w.-]+', row)]
    if bad:
        raise ConfigError(
            f'{path}: {bad[0]!r} names a folder, so it may have letters, digits, _, - and . alone.'
        )
    return Suite(name, cfg.get('title', name), found, *_comparison(path, cfg, found))


def _comparison(
    path: str | Path, cfg: Mapping[str, Any], rows: Mapping[str, Variant]
) -> tuple[dict[str, str], str | None]:
    """Return the metrics that a suite names, and the row with which it compares.

    Without a word about it, that is the plan's own training.
    """
    own = [name for name, v in rows.items() if v.stage == TRAINED and not v.is_varied]
    columns, reference = cfg.get('columns', {}), cfg.get('reference', own[0] if own else None)
    if not is_table(columns, str):
        raise ConfigError(f'{path}: columns = {{metric: title}} is needed; it is {columns!r}.')
    if reference is not None and (not isinstance(reference, str) or reference not in rows):
        raise ConfigError(
            f'{path}: the reference {shown_name(str(reference))} is no row; '
            f'{hint_of_name(str(reference), rows)}'
        )
    return dict(columns), reference


def rows_of(plan: Plan, path: str | Path) -> list[Row]:
    """Return the rows of a suite as stages of a plan.

    A variant is the stage ``<suite>-<name>``; one without options is the plan's own training. One
    that changes an option of ``text_encoding`` makes a text bank of its own first, one that asks
    other questions a corpus too.

    Args:
        plan: The plan.
        path: The suite.

    Raises:
        ConfigError: If the plan lacks a stage, or an option is none of its config or cannot be
            given on a command line.
    """
    suite = read_suite(path)
    return [
        _row(plan, f'{path}: {name}', f'{suite.name}-{name}', name, variant)
        for name, variant in suite.variants.items()
    ]


def stages_of(plan: Plan, rows: Sequence[Row]) -> list[Stage]:
    """Return the stages of rows, each once, after those of the plan that they need."""
    own = {stage.name: stage for row in rows for stage in row.stages}
    known = [*{s.name: s for s in (*plan.all_stages, *own.values())}.values()]
    needed = set().union(*(lineage(name, known) for name in own)) - set(own)
    return [s for s in plan.all_stages if s.name in needed] + list(own.values())


def _row(plan: Plan, where: str, folder: str, name: str, variant: Variant) -> Row:
    stages = {stage.name: stage for stage in plan.all_stages}

    def find(wanted: str) -> Stage:
        if wanted not in stages:
            raise ConfigError(f'{where}: {plan.path} has no stage {wanted}.')
        return stages[wanted]

    known = stages.get(variant.stage)
    is_test = known is not None and known.command == 'test'
    test = find(variant.stage if is_test else f'{variant.stage}_maps')
    if not variant.is_varied:
        # what needs no training has none
        trained = [] if known is None or is_test else [known]
        own = (*trained, test)
        return Row(name, variant, own)
    if is_test:
        raise ConfigError(f'{where}: {variant.stage} trains nothing that could be varied.')
    train = find(variant.stage)
    _check_options(where, variant.options, str(train.config))
    if variant.qape:
        _check_options(where, variant.qape, str(find(QAPE).config))
    return Row(name, variant, tuple(_varied(plan, folder, variant, find, train, test)))


def _varied(
    plan: Plan, name: str, variant: Variant, find: Any, train: Stage, test: Stage
) -> Iterator[Stage]:
    """Yield the stages of a variant: its answers and texts, if they are its own, and its maps."""
    options, texts = dict(variant.options), find(TEXTS)
    own: dict[str, str] = {}
    if variant.qape:
        own[QAPE] = f'{name}_{QAPE}'
        about, args = f'answers of {variant.title}', _as_arguments(variant.qape)
        yield replace(find(QAPE), name=own[QAPE], about=about, args=args)
        options['text_encoding.corpus'] = f'{{root}}/{own[QAPE]}/corpus'
    if variant.qape or any(key.startswith('text_encoding.') for key in options):
        own[TEXTS] = f'{name}_{TEXTS}'
        options |= _use_bank(str(train.config), f'{{root}}/{own[TEXTS]}/text_bank')
        about, needs = f'texts of {variant.title}', tuple(own.get(n, n) for n in texts.needs)
        args = _as_arguments(options)
        yield replace(texts, name=own[TEXTS], about=about, needs=needs, args=args)
    args, needs = _as_arguments(options), tuple(own.get(n, n) for n in train.needs)
    about, seed = f'train {variant.title}', variant.seed_option
    yield replace(train, name=name, about=about, needs=needs, args=args, seed_option=seed)
    last = last_checkpoint(read_config(str(train.config), None, options))
    checkpoint = f'{WORK_DIR}/{name}/{last}'
    needs = tuple(name if n == train.name else n for n in test.needs)
    about = f'maps of {variant.title}'
    yield replace(
        test, name=f'{name}_maps', about=about, checkpoint=checkpoint, needs=needs, args=args
    )


def _use_bank(config: str, bank: str) -> dict[str, Any]:
    """Return the options by which a RITC config makes and reads another text bank."""
    options = {'model.text_bank': bank}
    for place, step in enumerate(read_config(config).train_dataloader.dataset.pipeline):
        if step.type == 'LoadTextRows':
            options[f'train_dataloader.dataset.pipeline.{place}.text_bank'] = bank
    return options


def _check_options(where: str, options: Mapping[str, Any], config: str) -> None:
    """Refuse options that a config lacks, or that would arrive as something else."""
    cfg = read_config(config).to_dict()
    for key, value in options.items():
        node: Any = cfg
        parts = key.split('.')
        if parts[0] == HOOKS and parts[1:2] and parts[1] not in cfg.get(HOOKS, {}):
            # any hook may be added, by a name of one's own
            parts = parts[:1]
        for part in parts:
            if isinstance(node, list) and part.isdigit() and int(part) < len(node):
                node = node[int(part)]
                continue
            if not isinstance(node, Mapping) or not (part in node or _is_argument(node, part)):
                raise ConfigError(f'{where}: {config} has no {key}.')
            node = node.get(part)
        if '.' not in key:
            raise ConfigError(
                f'{where}: {key} is read by {config} alone; name the place where it is used, '
                'such as optim_wrapper.optimizer.lr.'
            )
        flags = [config, *_as_arguments({key: value})]
        arrived = base_parser('').parse_args(flags).cfg_options[key]
        if arrived != (list(value) if isinstance(value, (list, tuple)) else value):
            raise ConfigError(
                f'{where}: {key} = {value!r} would arrive as {arrived!r}; a leaf config can have '
                'it, a suite cannot.'
            )


def _is_argument(node: Mapping[str, Any], name: str) -> bool:
    """Tell whether a registered class takes an argument, which its config leaves out."""
    for registry in (MODELS, VQA_MODELS, PROMPTED_SEGMENTERS, DATASETS):
        found = registry.get(node['type']) if isinstance(node.get('type'), str) else None
        if found is not None:
            known = options_of(found)
            return known is None or name in known
    return False


def _as_arguments(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Write options as the words of a command line."""
    return ('--cfg-options', *(f'{key}={_as_option(value)}' for key, value in options.items()))


def _as_option(value: Any) -> str:
    """Write a value as ``--cfg-options`` reads it."""
    if isinstance(value, (list, tuple)):
        return f'[{",".join(map(str, value))}]'
    return json.dumps(value) if isinstance(value, str) else str(value)
