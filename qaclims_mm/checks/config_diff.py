"""What differs between two configs, as dotted keys."""

import functools
import inspect
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from mmengine.config import Config

from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import ConfigError
from qaclims_mm.schemas import read_run_config

# stands for the run's folder in both configs, so that what is below and beside it is the same
SAME_WORK_DIR = 'work_dirs/SAME'


@functools.cache
def _read_names() -> frozenset[str]:
    """Return the names that the runner, it and our tools read; others are for the file itself."""
    # it takes a second
    from mmengine.runner import Runner

    return frozenset(inspect.signature(Runner).parameters) - {'cfg'} | {
        'text_encoding',
        'ir_label',
        'tta_model',
        'tta_pipeline',
        'custom_imports',
        'model_wrapper_cfg',
        'find_unused_parameters',
        'activation_checkpointing',
        'efficient_conv_bn_eval',
        'sync_bn',
        'compile',
    }


class Missing:
    """Stands for the value of a key that a config does not have."""

    def __repr__(self) -> str:
        return '-'


MISSING = Missing()


class Element(NamedTuple):
    """An element of a list that the other list does not have, or has at another place.

    Attributes:
        position: In its list, from 0.
        value: The element.
    """

    position: int
    value: Any


class Difference(NamedTuple):
    """A key at which two configs differ.

    Attributes:
        key: Dotted; an element of a list is named by its ``type``, from the second of a type on
            with ``#2``, or else by its position.
        a: Value in the first, ``MISSING`` if it is not there.
        b: Value in the second.
    """

    key: str
    a: Any
    b: Any


def diff_configs(a: Config | Mapping, b: Config | Mapping) -> list[Difference]:
    """Return what differs, in the order of the first config.

    Dicts are compared key by key. Elements of lists of typed dicts, such as pipelines, are matched
    by their types, so an inserted one is one difference. Other lists are compared as a whole,
    except those of lists, which are compared one by one if they are of the same length.

    Args:
        a: A config, as ``read_config`` gives it.
        b: Another.

    Example:
        >>> a, b = (dict(steps=[dict(type=t) for t in types]) for types in ('LP', 'LFP'))
        >>> [d.key for d in diff_configs(a, b)]
        ['steps.F']
    """
    return list(_diff(_plain(a), _plain(b), ()))


def _plain(config: Config | Mapping) -> Mapping:
    return config.to_dict() if isinstance(config, Config) else config


def _diff(a: Any, b: Any, keys: tuple[str, ...]) -> Iterator[Difference]:
    a, b = _like(a, b), _like(b, a)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for key in dict.fromkeys((*a, *b)):
            yield from _diff(a.get(key, MISSING), b.get(key, MISSING), (*keys, str(key)))
    elif isinstance(a, list) and isinstance(b, list):
        yield from _diff_lists(a, b, keys)
    elif not _same(a, b):
        yield Difference('.'.join(keys), a, b)


def _same(a: Any, b: Any) -> bool:
    """Return whether values mean the same in a config: 1 and 1.0 do, 1 and True do not."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def _like(value: Any, other: Any) -> Any:
    """Return a tuple as a list, and nothing as an empty one of what has parts to be named."""
    if value is MISSING and isinstance(other, Mapping) and other:
        return {}
    if value is MISSING and isinstance(other, (list, tuple)) and _types(other):
        return []
    return _listed(value) if isinstance(value, (list, tuple)) else value


def _listed(value: Any) -> Any:
    return [_listed(v) for v in value] if isinstance(value, (list, tuple)) else value


def _types(values: Sequence) -> list[str] | None:
    """Return the types of a list's elements, ``None`` if one has none."""
    types = [v.get('type') if isinstance(v, Mapping) else None for v in values]
    return None if None in types else [str(t) for t in types]


def _diff_lists(a: list, b: list, keys: tuple[str, ...]) -> Iterator[Difference]:
    types = _types(a), _types(b)
    if types[0] is not None and types[1] is not None:
        yield from _diff_typed(a, b, types[0], types[1], keys)
    elif len(a) == len(b) and all(isinstance(v, list) for v in (*a, *b)):
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            yield from _diff(x, y, (*keys, str(i)))
    elif not _same(a, b):
        yield Difference('.'.join(keys), a, b)


def _diff_typed(
    a: list, b: list, types_a: list[str], types_b: list[str], keys: tuple[str, ...]
) -> Iterator[Difference]:
    names_a, names_b = _numbered(types_a), _numbered(types_b)
    steps = SequenceMatcher(None, types_a, types_b, autojunk=False).get_opcodes()
    only_a = [i for tag, i, end, *_ in steps if tag != 'equal' for i in range(i, end)]
    only_b = [j for tag, _, _, j, end in steps if tag != 'equal' for j in range(j, end)]
    moved: dict[int, int] = {}
    for i in only_a:
        at = next((j for j in only_b if types_b[j] == types_a[i] and j not in moved.values()), None)
        if at is not None:
            moved[i] = at
    for tag, start_a, end_a, start_b, end_b in steps:
        if tag == 'equal':
            for i, j in zip(range(start_a, end_a), range(start_b, end_b), strict=True):
                yield from _diff(a[i], b[j], (*keys, names_a[i]))
            continue
        for i in range(start_a, end_a):
            other = Element(moved[i], b[moved[i]]) if i in moved else MISSING
            yield Difference('.'.join((*keys, names_a[i])), Element(i, a[i]), other)
        for j in range(start_b, end_b):
            if j not in moved.values():
                yield Difference('.'.join((*keys, names_b[j])), MISSING, Element(j, b[j]))


def _numbered(types: list[str]) -> list[str]:
    """Return names: a type, and the second of it as ``type#2``."""
    seen: Counter[str] = Counter()
    names = []
    for kind in types:
        seen[kind] += 1
        names.append(kind if seen[kind] == 1 else f'{kind}#{seen[kind]}')
    return names


def is_read(key: str) -> bool:
    """Return whether tools read what a dotted key belongs to.

    Other names at the top of a config are for the file itself, which uses them in what is read.
    """
    return key.split('.')[0] in _read_names()


def diff_files(a: str, b: str, everything: bool = False) -> list[Difference]:
    """Read two configs and return what differs.

    Args:
        a: A config, which is executed, or the JSON file that a run wrote of its own, which is not.
        b: Another.
        everything: Whether each has its own ``work_dir``, and names that only the file itself uses
            count too.

    Raises:
        FormatError: If a run config is broken.
        ConfigError: If a config does not exist, cannot be read, or is not that of a stage.
    """
    configs = {path: _read(path, everything) for path in (a, b)}
    for path, cfg in configs.items():
        if 'model' not in cfg and 'ir_label' not in cfg:
            raise ConfigError(
                f'{path} has neither a model nor ir_label, so it is not the config of a stage'
            )
    found = diff_configs(configs[a], configs[b])
    return [d for d in found if everything or is_read(d.key)]


def _read(path: str, everything: bool) -> Config | Mapping:
    if Path(path).suffix == '.json':
        # of a work dir, which anybody may have sent: nothing in it is executed or replaced
        values = read_run_config(path).values
        return values if everything else _moved(values)
    if everything:
        return read_config(path)
    return read_config(path, SAME_WORK_DIR, root=str(PurePosixPath(SAME_WORK_DIR).parent))


def _moved(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a run as if its work dir had been ``SAME_WORK_DIR``."""
    work_dir = values.get('work_dir')
    if not isinstance(work_dir, str) or not PurePosixPath(work_dir).name:
        return dict(values)
    own, same = PurePosixPath(work_dir), PurePosixPath(SAME_WORK_DIR)
    folders = [(str(own), str(same))]
    if own.parent.name:
        folders.append((str(own.parent), str(same.parent)))

    def move(node: Any) -> Any:
        if isinstance(node, dict):
            return {k: move(v) for k, v in node.items()}
        if isinstance(node, list):
            return [move(v) for v in node]
        for folder, other in folders:
            if isinstance(node, str) and (node == folder or node.startswith(f'{folder}/')):
                return other + node.removeprefix(folder)
        return node

    return move(values)
