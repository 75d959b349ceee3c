"""The stages of ``qaclims compare``: those that make masks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qaclims_mm.engine.config_keys import class_of, dicts_of
from qaclims_mm.errors import ConfigError, QAClimsError
from qaclims_mm.workflow.fingerprint import read_stage_config
from qaclims_mm.workflow.graph import Graph
from qaclims_mm.workflow.masks_by import options_of
from qaclims_mm.workflow.plans import Plan
from qaclims_mm.workflow.stage import Stage, lineage

RANDOM = 'random weights, only to try the stage'


def judged_stages(plan: Plan, wanted: Sequence[str] = ()) -> dict[str, str]:
    """Return {choice: stage whose masks are scored}.

    Args:
        plan: Plan whose masks are compared.
        wanted: Choices; all choices of the plan if empty.

    Raises:
        ConfigError: If the plan lacks one of them, or has none at all.
    """
    known = {option: judged for option, (_, judged) in options_of(plan.all_stages).items()}
    if not known:
        raise ConfigError(f'{plan.path} has no stage that makes masks to compare.')
    if missing := [option for option in wanted if option not in known]:
        raise ConfigError(
            f'{plan.path} has no stage that makes masks by {missing[0]}; it has {", ".join(known)}.'
        )
    return {option: stage for option, stage in known.items() if not wanted or option in wanted}


def stages_for(plan: Plan, names: Sequence[str]) -> list[Stage]:
    """Return stages of a plan and all stages that they depend on, in order."""
    needed = set().union(*(lineage(name, plan.all_stages) for name in names))
    return [s for s in plan.all_stages if s.name in needed]


def finished_choices(plan: Plan, seed: int, wanted: Mapping[str, str]) -> dict[str, str]:
    """Return {choice: stage whose masks are scored} of the choices whose masks are up to date.

    Masks whose config, images or inputs have changed since are none of them. Choices that nobody
    wants are left out if one of their configs cannot be read.

    Args:
        plan: Plan whose masks are compared.
        seed: Seed of its trainings.
        wanted: {choice: stage whose masks are scored} of the choices that were to be made.
    """
    try:
        return _finished(plan, seed, judged_stages(plan))
    except QAClimsError:
        return _finished(plan, seed, wanted)


def _finished(plan: Plan, seed: int, judged: Mapping[str, str]) -> dict[str, str]:
    graph = Graph(plan.root, {seed: plan}, {seed: stages_for(plan, list(judged.values()))})
    done = {node.stage.name for node in graph.nodes.values() if node.is_sound}
    return {option: stage for option, stage in judged.items() if stage in done}


def note_of(stage: Stage, root: Path) -> str:
    """Return why the masks of a stage must not be recommended, or ''."""
    return RANDOM if _is_random(_model_of(stage, root)) else ''


def mask_models_of(stage: Stage, root: Path) -> list[str]:
    """Return the models trained with masks that a stage uses, such as ``facebook/sam3``.

    A registered class whose models were trained with masks has the attribute
    ``TRAINED_WITH_MASKS``. Random weights do not count.
    """
    found = [
        inner['model']
        for _, node in dicts_of(_model_of(stage, root), '')
        if isinstance(node.get('type'), str)
        and getattr(class_of(node['type']), 'TRAINED_WITH_MASKS', False)
        for _, inner in dicts_of(node, '')
        if isinstance(inner.get('model'), str) and inner.get('config') is None
    ]
    return list(dict.fromkeys(found))


def _model_of(stage: Stage, root: Path) -> Any:
    """Return the config of the network of a stage, if it has one."""
    return read_stage_config(stage, root).get('model') if stage.config else None


def _is_random(node: Any) -> bool:
    """Return whether a network has a config instead of weights."""
    if isinstance(node, (list, tuple)):
        return any(map(_is_random, node))
    if not isinstance(node, Mapping):
        return False
    named = 'model' in node and node.get('config') is not None
    return named or any(map(_is_random, node.values()))
