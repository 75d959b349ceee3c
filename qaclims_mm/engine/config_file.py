"""Executes the file of a config, a pipeline or a suite, and says which file an error is in."""

import ast
import os
from pathlib import Path
from typing import Any

from mmengine.config import Config

from qaclims_mm.engine.compat import config_files_of
from qaclims_mm.errors import ConfigError, QAClimsError
from qaclims_mm.schemas.names import shown_text
from qaclims_mm.schemas.project import check_not_pasted

SUFFIXES = ('.py', '.json', '.yml', '.yaml')


def check_config_file(path: str | Path) -> Path:
    """Return the absolute path of a config that may be executed; nothing is executed.

    Raises:
        ConfigError: If it has the suffix of something else.
        FormatError: If it belongs to a project of an early version, which pasted labels into code.
    """
    # mmengine would expand a folder called ~
    file = Path(os.path.abspath(path))
    if file.suffix not in SUFFIXES:
        raise ConfigError(
            f'{shown_text(path)} is no config, which is a Python file (.py); give the config of a '
            'stage or of a pipeline.'
        )
    for folder in (file.parent, file.parent.parent):
        check_not_pasted(folder)
    return file


def parse_config(file: Path) -> ast.Module:
    """Return the syntax tree of a config; nothing is executed.

    Raises:
        ConfigError: If it is no Python.
    """
    try:
        return ast.parse(file.read_text(encoding='utf-8'), str(file))
    except UnicodeDecodeError as error:
        line = file.read_bytes().count(b'\n', 0, error.start) + 1
        raise ConfigError(
            f'{file}:{line} is not UTF-8 ({error.reason}); save it as such.'
        ) from error
    except (SyntaxError, ValueError) as error:
        line = getattr(error, 'lineno', None) or 1
        reason = getattr(error, 'msg', None) or error
        raise ConfigError(f'{file}:{line} is no Python ({reason}); correct it.') from error


def execute_config(path: str | Path, **kwargs: Any) -> Config:
    """Execute a config.

    Args:
        path: The file.
        **kwargs: As in ``Config.fromfile``.

    Raises:
        ConfigError: If it is none (see ``check_config_file``), or it or a base is missing, is no
            Python or raises an error.
        FormatError: As in ``check_config_file``.
    """
    file = check_config_file(path)
    try:
        return Config.fromfile(file, **kwargs)
    except QAClimsError:
        raise
    # a config is a program, which may raise anything
    except Exception as error:
        above, where = [str(file), str(file), *config_files_of(error)][-2:]
        if not os.path.exists(where):
            what = 'it' if where == str(file) else f'its _base_ {where}'
            raise ConfigError(f'{above}: {what} does not exist; correct the path.') from error
        if isinstance(error, (SyntaxError, UnicodeDecodeError)):
            parse_config(Path(where))
        raise ConfigError(
            f'{where} cannot be executed ({type(error).__name__}: {error}); correct it.'
        ) from error
