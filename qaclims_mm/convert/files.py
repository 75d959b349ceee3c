"""Checkpoints read without running them, and outputs that appear whole or not at all."""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from qaclims_mm.engine.checkpoints import load_values, reason_of
from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.schemas import atomic_path, hash_file, temporary_path
from qaclims_mm.version import __version__


def read_checkpoint(path: str | Path) -> dict[str, Tensor]:
    """Read the weights of a ``.pth`` file.

    Args:
        path: {name: weight}, alone or under ``state_dict`` or ``model``; ``module.`` before a name,
            which a wrapper leaves there, is dropped.

    Raises:
        FormatError: If the file is truncated, holds more than tensors, or has a name twice.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist; give the released file.')
    try:
        content = load_values(path)
    # of a file that was cut or made by something else, torch raises whatever it meets
    except Exception as error:
        raise FormatError(
            f'{path} cannot be loaded safely ({reason_of(error)}); fetch it again. '
            'Nothing in it was run.'
        ) from error
    for key in ('state_dict', 'model'):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content:
        raise FormatError(f'{path} holds a {type(content).__name__} instead of named weights.')
    wrong = [str(k) for k, v in content.items() if not isinstance(v, Tensor)]
    if wrong:
        raise FormatError(f'{path} holds more than weights, such as {", ".join(wrong[:5])}.')
    state = {re.sub(r'^module\.', '', str(k)): v for k, v in content.items()}
    if len(state) != len(content):
        raise FormatError(f'{path} has names twice, with and without module.')
    return state


def write_checkpoint(
    path: str | Path, state: Mapping[str, Tensor], kind: str, source: str | Path
) -> None:
    """Write weights as a checkpoint of MMEngine; equal weights give equal bytes.

    Args:
        path: The file.
        state: {our name: weight}.
        kind: Of the conversion.
        source: The released file.
    """
    meta = dict(
        converted=kind,
        source=Path(source).name,
        source_sha256=hash_file(source),
        qaclims_mm=__version__,
    )
    # to a path, torch would write the temporary name into the file
    with atomic_path(path) as temporary, temporary.open('wb') as file:
        torch.save(dict(state_dict=dict(state), meta=meta), file)


def write_safetensors(path: str | Path, state: Mapping[str, Tensor]) -> None:
    """Write weights as safetensors that other users of the machine can read."""
    from safetensors.torch import save_file

    save_file(dict(state), path, metadata={'format': 'pt'})
    Path(path).chmod(0o644)  # the library leaves it to its owner alone


def check_free(path: str | Path, force: bool, marker: str | None = None) -> None:
    """Refuse to replace what is there; an empty folder is nothing.

    Args:
        path: The output.
        force: Whether to replace an older output.
        marker: A file that every output of this kind has, if it is a folder; no other folder is
            replaced by force.

    Raises:
        ConfigError: If ``path`` exists and may not be replaced.
    """
    path = Path(path)
    if not path.exists() or (marker and path.is_dir() and not any(path.iterdir())):
        return
    if not force:
        raise ConfigError(f'{path} exists; choose another output, or --force to replace it.')
    if not ((path / marker).is_file() if marker else path.is_file()):
        raise ConfigError(f'{path} is not an older output of this kind; choose another output.')


@contextlib.contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder beside ``path`` and rename it when the block ends well.

    What is at ``path`` is replaced then.

    Raises:
        OSError: If it cannot be written; nothing is left behind.
    """
    path = Path(path).absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    old = temporary.with_suffix('.old.tmp')
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            os.replace(path, old)
        try:
            os.replace(temporary, path)
        except BaseException:
            if old.exists():
                os.replace(old, path)
            raise
    finally:
        for rest in (temporary, old):
            if rest.exists():
                shutil.rmtree(rest)


def read_lines(path: str | Path) -> list[str]:
    """Return the lines of a text file without blanks around them; empty ones are left out.

    Raises:
        FormatError: If it is no text or has no line.
    """
    try:
        lines = [line.strip() for line in Path(path).read_text(encoding='utf-8').splitlines()]
    except UnicodeDecodeError as error:
        raise FormatError(f'{path} is no text file ({error}).') from error
    kept: Any = [line for line in lines if line]
    if not kept:
        raise FormatError(f'{path} is empty; give one image id a line.')
    return kept
