"""Finds keys of a config that nothing reads: a misspelt one would change nothing without a word."""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from mmengine import registry as registries
from mmengine.config import Config
from mmengine.registry import Registry
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from qaclims_mm.engine.config_file import parse_config
from qaclims_mm.errors import ConfigError
from qaclims_mm.functional.crf import CRFSettings
from qaclims_mm.schemas.names import hint_of_name

# what the runner is given, and what it, mmseg's tools and our commands look up besides
READ = frozenset(inspect.signature(Runner).parameters) - {'cfg'} | {
    'activation_checkpointing',
    'auto_scale_lr',
    'compile',
    'custom_imports',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'ir_label',
    'model_wrapper_cfg',
    'sync_bn',
    'test_pipeline',
    'text_encoding',
    'tta_model',
    'tta_pipeline',
}
# where the options of a command line stand
COMMAND_LINE = '--cfg-options'
LOOPS = ('train_cfg', 'val_cfg', 'test_cfg')
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# {dicts without a type: what is read of them}; None is any key
_UNTYPED: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        LOADERS,
        frozenset(inspect.signature(DataLoader).parameters)
        | {
            'dataset',
            'sampler',
            'batch_sampler',
            'collate_fn',
            'num_batch_per_epoch',
            'worker_init_fn',
        },
    ),
    'env_cfg': frozenset(['cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit']),
    'randomness': frozenset(['seed', 'diff_rank_seed', 'deterministic']),
    'text_encoding': frozenset(['corpus', 'text_head', 'prompt', 'bg_filter', 'groups', 'edit']),
    'ir_label': frozenset(['cams', 'conf_fg', 'conf_bg', 'crf']),
    'ir_label.crf': frozenset(CRFSettings._fields),
}
# {part of a config: keys that mmengine takes out before it builds a class}
_OF_BUILDERS = {
    'optim_wrapper': frozenset(['constructor', 'paramwise_cfg']),
    'param_scheduler': frozenset(['convert_to_iter_based']),
    'default_hooks': frozenset(['priority']),
    'custom_hooks': frozenset(['priority']),
}
# keys of mmengine's own that no class takes
_OF_CONFIGS = frozenset(['type', '_scope_', '_delete_'])
# of the letters of two names one in five may differ where one may be the other, misspelt
_ALIKE = 0.8
_ANY = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def check_top_keys(path: Path) -> None:
    """Refuse a top-level name of a config or of its bases that nothing reads.

    A name is read if the runner or a command looks it up, or its own file or one that inherits it
    uses it. A base may offer names that its leaf does not take, unless they look like a misspelt
    one.

    Raises:
        ConfigError: If a file has such a name, or is a plan or a suite.
    """
    files = _chain(path)
    if path not in files:
        return
    for name, command in (('stages', 'run'), ('variants', 'ablate')):
        if name in files[path][0] and not any('model' in names for names, _, _ in files.values()):
            raise ConfigError(
                f'{path} has {name}, so it is for qaclims {command}; give the config of a stage.'
            )
    read = READ.union(*(of_bases for _, _, of_bases in files.values()))
    for file, (assigned, loaded, _) in files.items():
        for name in assigned:
            if name in read or name in loaded or name.startswith('_'):
                continue
            owners = [f for f, (a, used, _) in files.items() if name in a and name in used]
            if owners:
                base = owners[0].name
                raise ConfigError(
                    f'{file}: {name} has no effect, since {base}, which it inherits, has read '
                    f'its own value already; override the values that {base} makes of it.'
                )
            if file == path or get_close_matches(name, READ, n=1, cutoff=_ALIKE):
                hint = hint_of_name(name, sorted(READ))
                raise ConfigError(f'{file}: {name} has no effect, since nothing reads it; {hint}')


def check_keys(cfg: Config, options: Mapping[str, Any] | None = None) -> None:
    """Refuse an option that its class does not take, however deep it stands.

    A class tells which of its options are dicts without a type in ``PARTS``, {option: the class
    that takes the keys of the dict}.

    Args:
        cfg: Config of a stage.
        options: Options of the command line that are merged into it already.

    Raises:
        ConfigError: If there is one.
    """
    parts: dict[str, frozenset[str] | None] = {}
    for place, node in dicts_of(cfg.to_dict(), ''):
        if isinstance(node.get('type'), str):
            kinds = getattr(class_of(node['type']), 'PARTS', {})
            parts |= {f'{place}.{name}': options_of(kind) for name, kind in kinds.items()}
        known = parts.get(place) or _known_of(place, node)
        if known is None:
            continue
        for key in node:
            if key not in known and key not in _OF_CONFIGS:
                owner = node.get('type') or place
                full = f'{place}.{key}' if place else key
                hint = hint_of_name(key, sorted(known))
                where = source_of(full, cfg, options)
                raise ConfigError(f'{where}: {full} is no option of {owner}; {hint}')


def source_of(place: str, cfg: Config, options: Mapping[str, Any] | None) -> str:
    """Return where a value of a config stands: its file, or the command line.

    Args:
        place: Dotted name of the value.
        cfg: Config of a stage.
        options: Options of the command line that are merged into it already.
    """
    given = any(_is_below(place, key) or _is_below(key, place) for key in options or {})
    return COMMAND_LINE if given else str(cfg.filename)


def _is_below(place: str, above: str) -> bool:
    """Tell whether a dotted name is another one or stands below it."""
    return f'{place}.'.startswith(f'{above}.')


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse options of a command line at whose first part nothing looks.

    Raises:
        ConfigError: If there is one.
    """
    for key in options:
        first = key.partition('.')[0]
        if first not in READ:
            raise ConfigError(
                f'{COMMAND_LINE} {key}: nothing reads {first}; {hint_of_name(first, sorted(READ))}'
            )


def options_of(maker: Any) -> frozenset[str] | None:
    """Return the names of the arguments that a class takes, itself or by handing them to its base.

    ``None`` stands for any name.
    """
    names: set[str] = set()
    makers = inspect.getmro(maker)[:-1] if inspect.isclass(maker) else [maker]
    for each in makers:
        if inspect.isclass(each) and '__init__' not in vars(each):
            continue
        parameters = inspect.signature(each).parameters.values()
        names |= {p.name for p in parameters if p.kind not in _ANY}
        if inspect.Parameter.VAR_KEYWORD not in {p.kind for p in parameters}:
            return frozenset(names)
        if not _hands_on(each):
            return None
    return None


def _hands_on(maker: Any) -> bool:
    """Tell whether a class gives the arguments that it does not name to its base."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(maker.__init__)))
    except (OSError, TypeError, SyntaxError, AttributeError):
        return False
    calls = (n for n in ast.walk(tree) if isinstance(n, ast.Call))
    return any(
        isinstance(call.func, ast.Attribute)
        and call.func.attr == '__init__'
        and any(keyword.arg is None for keyword in call.keywords)
        for call in calls
    )


@cache
def _registries() -> tuple[Registry, ...]:
    from qaclims_mm.registry import PROMPTED_SEGMENTERS, VQA_MODELS

    found = [r for r in vars(registries).values() if isinstance(r, Registry)]
    return (*found, VQA_MODELS, PROMPTED_SEGMENTERS)


@cache
def class_of(name: str) -> Any:
    """Return the class that a config's ``type`` names, ``None`` if no registry knows it."""
    scopes = ('mmseg', 'mmengine')
    for registry in _registries():
        for scope in scopes:
            found = registry.module_dict.get(name)
            if found is None and scope in registry.children:
                found = registry.children[scope].module_dict.get(name)
            if found is not None:
                return found
    return None


def _known_of(place: str, node: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the keys that are read of a dict, ``None`` if any is."""
    if place in _UNTYPED:
        return _UNTYPED[place]
    last = place.rpartition('.')[2]
    if last.endswith('_cfg') and last not in LOOPS:
        # mmcv's builders take more than the layers
        return None
    if isinstance(node.get('type'), str):
        found = class_of(node['type'])
        known = options_of(found) if found is not None else None
        more = _OF_BUILDERS.get(place.partition('.')[0], frozenset())
        return known | more if known is not None else None
    return None


def dicts_of(node: Any, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every dict of a config with its dotted place."""
    if isinstance(node, Mapping):
        yield place, node
        for key, value in node.items():
            yield from dicts_of(value, f'{place}.{key}' if place else str(key))
    elif isinstance(node, (list, tuple)):
        for number, value in enumerate(node):
            yield from dicts_of(value, f'{place}.{number}')


def _chain(path: Path) -> dict[Path, tuple[list[str], set[str], set[str]]]:
    """Return {file: names that it assigns, that it uses, and that it uses of its bases}."""
    found: dict[Path, tuple[list[str], set[str], set[str]]] = {}
    todo = [path]
    while todo:
        file = todo.pop()
        if file in found or file.suffix != '.py' or not file.is_file():
            continue
        tree = parse_config(file)
        found[file] = _names_of(tree)
        todo += [
            (file.parent / base).resolve()
            for base in Config._get_base_files(str(file))
            if '::' not in base
        ]
    return found


def _names_of(tree: ast.Module) -> tuple[list[str], set[str], set[str]]:
    assigned = [
        target.id
        for node in tree.body
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    ]
    nodes = list(ast.walk(tree))
    loaded = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    of_bases = {
        n.attr
        for n in nodes
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == '_base_'
    }
    return assigned, loaded, of_bases
