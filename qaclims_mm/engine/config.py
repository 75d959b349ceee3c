"""Reads a stage's config and applies the flags of the command line."""

import argparse
import ast
import os
import re
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope

from qaclims_mm.engine.compat import mend_openmmlab
from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.project import check_not_pasted

# of prompts and questions, which are filled when texts are made
PROMPT_FIELDS = ('answer', 'text', 'class', 'question')


# a name that stands for a string of the config
_NAME = re.compile(r'\{(\w+)\}')


# strings that users choose: whatever stands in them is no name
_PATHS = ('work_dir', 'project')


def load_config(args: argparse.Namespace) -> Config:
    """Read the config and apply the flags.

    The work dir is that of the flag, else the file's own, else a folder of the file's name beside
    that of its base, else ``work_dirs/<name>``.
    ``{name}`` in any string of the config stands for the config's top-level string of that name,
    so a leaf changes in one place what is used in several, and ``{work_dir}`` for its folder.

    Raises:
        FormatError: If the file does not exist.
    """
    cfg = read_config(args.config, args.work_dir, args.cfg_options)
    cfg.launcher = args.launcher
    if args.strict:
        _set_strict(cfg)
    return cfg


def read_config(path: str, work_dir: str | None = None, options: dict | None = None) -> Config:
    """Read a config; see ``load_config``.

    Args:
        path: The file.
        work_dir: Replaces the config's own.
        options: {dotted key: value} that override values.

    Raises:
        FormatError: If the file does not exist.
    """
    if not Path(path).is_file():
        raise FormatError(f'config {path} does not exist; see configs/ for those that ship.')
    check_not_pasted(Path(path).absolute().parents[1])
    mend_openmmlab()
    cfg = Config.fromfile(path)
    # a runner does this too, but not every tool has one
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    if options:
        cfg.merge_from_dict(options)
    folder = work_dir or (options or {}).get('work_dir') or ''
    cfg.work_dir = folder or _default_work_dir(cfg, Path(path))
    _fill_names(cfg, folder)
    return cfg


def _default_work_dir(cfg: Config, path: Path) -> str:
    """Return the file's own work_dir, or a folder of its name beside that of its base.

    Stages find each other's folders beside their own, and no leaf writes into its base's.
    """
    inherited = cfg.get('work_dir')
    assigned = (n.targets for n in ast.parse(path.read_text()).body if isinstance(n, ast.Assign))
    if inherited and any(getattr(t, 'id', '') == 'work_dir' for ts in assigned for t in ts):
        return inherited
    return str(Path(inherited or 'work_dirs/_').parent / path.stem)


def _fill_names(cfg: Config, folder: str) -> None:
    """Put the config's own strings where ``{name}`` names them, in place.

    What a user has named is data: in the path of the work dir and of a project a brace is a brace.
    """
    templates = {k: v for k, v in cfg.items() if isinstance(v, str) and k not in PROMPT_FIELDS}
    values = {name: value for name, value in templates.items() if name in _PATHS}
    if not folder:
        # the config's own work dir may have names in it
        values.pop('work_dir')
    for name in templates:
        _value_of(name, templates, values, ())
    cfg.work_dir = ''
    _fill(cfg, values)
    cfg.work_dir = values['work_dir']


def _value_of(
    name: str, templates: dict[str, str], values: dict[str, str], above: tuple[str, ...]
) -> str:
    """Return a string of the config with the names in it replaced.

    Args:
        name: Key of the string.
        templates: All strings that may be named, as the config has them.
        values: The same with names replaced; gets the string.
        above: Keys of the strings that name this one.

    Raises:
        FormatError: If a string names itself.
    """
    if name in above:
        raise FormatError(f'{name} = {templates[name]!r} names itself.')
    if name not in values:
        inner = set(_NAME.findall(templates[name])) & templates.keys()
        known = {n: _value_of(n, templates, values, (*above, name)) for n in sorted(inner)}
        values[name] = _filled(templates[name], {**dict.fromkeys(templates, ''), **known})
    return values[name]


def _filled(text: str, names: dict[str, str]) -> str:
    """Return a string with the names in it replaced.

    Raises:
        FormatError: If a path has a name that the config lacks.
    """
    unknown = set(_NAME.findall(text)) - names.keys()
    if unknown and '/' in text:
        raise FormatError(
            f'{text!r} names {", ".join(sorted(unknown))}, but the config has no string of that '
            f'name; it has {", ".join(sorted(names))}.'
        )
    text = _NAME.sub(lambda m: names.get(m[1], m[0]), text)
    # '..' is resolved in the text: the folder itself need not be there yet
    return os.path.normpath(text) if '/..' in text and '://' not in text else text


def _fill(node: Any, names: dict[str, str]) -> None:
    for key, value in list(node.items() if hasattr(node, 'items') else enumerate(node)):
        if isinstance(value, str):
            filled_in = '{' in value and key != 'project'
            node[key] = _filled(value, names) if filled_in else value
        elif isinstance(value, (dict, list)):
            _fill(value, names)
        elif isinstance(value, tuple):
            filled = list(value)
            _fill(filled, names)
            node[key] = tuple(filled)


def _set_strict(cfg: Config) -> None:
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if cfg.get(loader):
            cfg[loader].dataset.strict = True
