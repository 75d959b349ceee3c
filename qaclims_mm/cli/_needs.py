"""Checks, before the first stage, that what all stages need is there: data, weights, extras."""

import importlib.util
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qaclims_mm.checks.weights import FETCHED, Problem, Weights, find_weights
from qaclims_mm.cli._execute import EXTRA_OF
from qaclims_mm.errors import StageError
from qaclims_mm.schemas.names import counted

if TYPE_CHECKING:
    from mmengine.config import Config
    from rich.console import Console

    from qaclims_mm.checks.dataset import CheckedSet
    from qaclims_mm.workflow.graph import Graph, Node

# {class of a config: module of an extra that it imports when it is used}
_MODULE_OF = {
    **dict.fromkeys(('CLIPTextHead', 'CLIPImageHead', 'CLIPCAM', 'CLIPES'), 'open_clip'),
    **dict.fromkeys(('WeCLIP', 'FrozenFeatureHead'), 'open_clip'),
    **dict.fromkeys(
        ('HFTextHead', 'HFImageHead', 'BlipVQA', 'Blip2VQA', 'ChatVQA'), 'transformers'
    ),
    **dict.fromkeys(('CLIPSegSegmenter', 'Sam3Segmenter', 'GroundedSamSegmenter'), 'transformers'),
    'SAMRefiner': 'transformers',
    'ServedVQA': 'openai',
    'TimmFeatures': 'timm',
}
_OFFLINE = ('HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE')


def check_needs(graph: 'Graph', console: 'Console', keep_going: bool = False) -> None:
    """Refuse to start a run of which a later stage would miss data, weights or a library.

    A missing or broken image alone is no reason: it is left out and listed at the end.

    Args:
        graph: Stages; those that are done need nothing.
        console: Where the table of what is missing is printed.
        keep_going: Whether stages that have what they need run all the same.

    Raises:
        StageError: If something is missing.
    """
    from qaclims_mm.cli.check_dataset import problems_table

    problems = list(dict.fromkeys(_problems_of(graph)))
    if problems:
        console.print(problems_table(problems))
    if problems and not keep_going:
        raise StageError(
            f'{counted(len(problems), "thing", "are missing")} that the stages need, see the '
            'table; nothing was started. qaclims check-dataset PLAN lists all that a plan reads.'
        )


def _problems_of(graph: 'Graph') -> Iterator[Problem]:
    from qaclims_mm.checks.configs import find_data_sets
    from qaclims_mm.checks.dataset import check_data_set

    configs = [_config_of(n) for n in graph.left if n.stage.config is not None and not n.link]
    made = _made_by(graph)
    for data in find_data_sets(configs):
        root = data.options.get('data_root') or data.options.get('project')
        if root is None or not _is_below(Path(str(root)), made):
            yield from _of_all_images(check_data_set(data))
    for weights in find_weights(configs):
        problem = weights.problem() or _not_fetched(weights)
        if problem and not _is_below(Path(weights.name), made):
            yield problem
    yield from _missing_modules(configs)


def _config_of(node: 'Node') -> 'Config':
    """Return the config of a stage, without what its sub-command does not read."""
    from mmengine.config import Config

    from qaclims_mm.workflow.fingerprint import read_part, read_stage_config

    return Config(read_part(node.stage, read_stage_config(node.stage, node.root)))


def _made_by(graph: 'Graph') -> list[Path]:
    """Return the folders that stages fill."""
    plans = graph.plans.values()
    made = [m for plan in plans for s in plan.all_stages for m in s.at(plan.root).made]
    roots = [plan.root.absolute() for plan in plans]
    return roots + [Path(place).absolute() for place in made]


def _is_below(path: Path, places: Iterable[Path]) -> bool:
    path = path.absolute()
    return any(place in (path, *path.parents) for place in places)


def _of_all_images(found: 'CheckedSet') -> Iterator[Problem]:
    """Yield what would make every image of a data set a bad record, or the data set no one."""
    gone = [what for what, number in found.missing.items() if number == found.images]
    for problem in found.problems:
        is_whole = problem.what in ('data set', 'list', *gone)
        if is_whole or (problem.what == 'labels' and found.labels is None):
            yield problem


def _not_fetched(weights: Weights) -> Problem | None:
    """Return the problem of a model of the hub that cannot be fetched, since the hub is off."""
    from qaclims_mm.downloads.caches import advice_without_hub, has_hub_model

    offline = next((n for n in _OFFLINE if os.environ.get(n, '0').lower() in ('1', 'true')), '')
    is_of_hub = weights.key.endswith('.model') and '://' not in weights.name
    if weights.state != FETCHED or not (offline and is_of_hub) or has_hub_model(weights.name):
        return None
    return Problem(
        'weights',
        f'{weights.name} ({weights.key}) is not in the cache of the hub, and {offline} is set',
        f'unset {offline}, or {advice_without_hub(weights.name, weights.key)}',
    )


def _missing_modules(configs: Iterable['Config']) -> Iterator[Problem]:
    kinds = {kind for cfg in configs for kind in _types_of(cfg.to_dict())}
    for kind in sorted(kinds & set(_MODULE_OF)):
        module = _MODULE_OF[kind]
        if importlib.util.find_spec(module) is None:
            yield Problem(
                'library',
                f'{kind} needs {module}, which is not installed',
                f"pip install 'qaclims_mm[{EXTRA_OF[module]}]'",
            )


def _types_of(node: Any) -> Iterator[str]:
    """Yield the classes that a config names."""
    if isinstance(node, dict):
        if isinstance(node.get('type'), str):
            yield node['type'].rpartition('.')[2]
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for value in node:
            yield from _types_of(value)
