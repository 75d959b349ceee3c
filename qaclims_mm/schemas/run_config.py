"""The config of a run as JSON, so that a program can read a work dir without executing a config."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.files import atomic_path, is_table, problem_of_file

RUN_CONFIG_SCHEMA = 1
MODES = ('train', 'test')
# levels of lists and dicts; the deepest config that ships has 12
MAX_DEPTH = 64


@dataclass(frozen=True)
class RunConfig:
    """The config with which a run started.

    Attributes:
        mode: ``train`` or ``test``.
        file: Name of the config file, without its folder; empty if the config came from no file.
        values: The resolved config as plain JSON.
    """

    mode: str
    file: str
    values: dict[str, Any]


def run_config_path(folder: str | Path, mode: str) -> Path:
    """Return the path of the file that a run of a mode writes into its work dir."""
    return Path(folder) / f'{mode}_config.json'


def write_run_config(folder: str | Path, mode: str, file: str, values: Mapping[str, Any]) -> None:
    """Write ``train_config.json`` or ``test_config.json``; equal configs give equal bytes.

    Args:
        folder: Work dir of the run.
        mode: ``train`` or ``test``.
        file: Name of the config file.
        values: The resolved config, in the order of the file. Tuples become lists, other values
            that JSON lacks become their ``repr``.

    Raises:
        ValueError: If ``mode`` is none of the two.
    """
    if mode not in MODES:
        raise ValueError(f'mode must be one of {", ".join(MODES)}, but got {mode!r}.')
    content = dict(schema=RUN_CONFIG_SCHEMA, mode=mode, file=file, values=_plain(values))
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + '\n'
    with atomic_path(run_config_path(folder, mode)) as temporary:
        # half a surrogate pair, as in the name of a file that is not UTF-8, becomes JSON's escape
        temporary.write_bytes(text.encode('utf-8', 'backslashreplace'))


def _plain(node: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(node, Mapping):
        return {k if isinstance(k, str) else repr(k): _plain(v) for k, v in node.items()}
    if isinstance(node, (list, tuple)):
        return [_plain(v) for v in node]
    if node is None or type(node) in (str, bool, int):
        return node
    if type(node) is float and math.isfinite(node):
        return node
    # without the address in memory, which differs from run to run
    return re.sub(r' at 0x[0-9a-fA-F]+', '', repr(node))


def read_run_config(path: str | Path) -> RunConfig:
    """Read what ``write_run_config`` wrote. Nothing in the file is executed or replaced.

    Raises:
        FormatError: If the file is missing, is not UTF-8 or JSON, is nested too deeply, has another
            schema or other fields.
    """
    path = Path(path)
    if problem := problem_of_file(path):
        what = 'does not exist' if problem == 'is missing' else problem
        raise FormatError(f'{path} {what}; run train.py or test.py, which write it.')
    try:
        content = json.loads(path.read_bytes().decode(), parse_constant=_refuse)
    except RecursionError:
        raise FormatError(f'{path} is nested too deeply {_FIX}') from None
    except ValueError as error:
        raise FormatError(f'{path} is not JSON in UTF-8 ({error}) {_FIX}') from error
    if problem := _problem_of(content):
        raise FormatError(f'{path} {problem} {_FIX}')
    return RunConfig(content['mode'], content['file'], content['values'])


_FIX = 'and is not the config of a run; delete it and run its stage again.'


def _refuse(name: str) -> None:
    raise ValueError(f'{name} is no number of JSON')


def _problem_of(content: object) -> str:
    """Return what is wrong with a file's content, or ''."""
    if not isinstance(content, dict):
        return f'holds a {type(content).__name__} instead of a dict'
    schema = content.get('schema')
    if type(schema) is not int or schema != RUN_CONFIG_SCHEMA:
        found = schema if type(schema) is int else type(schema).__name__
        return f'has schema {found}, but this version reads {RUN_CONFIG_SCHEMA},'
    names = {'schema', 'mode', 'file', 'values'}
    if set(content) != names:
        return f'must have the keys {", ".join(sorted(names))}'
    if content['mode'] not in MODES:
        return f'must have {" or ".join(MODES)} as its mode'
    if not isinstance(content['file'], str) or not is_table(content['values'], object):
        return 'must have a string as its file and a dict as its values'
    if is_deep(content['values']):
        return f'is nested more than {MAX_DEPTH} levels deep'
    return ''


def is_deep(node: object) -> bool:
    """Tell whether values are nested deeper than functions that call themselves can follow."""
    level = [node]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            if isinstance(parent, (dict, list))
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
    return any(isinstance(n, (dict, list)) for n in level)
