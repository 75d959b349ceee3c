"""Checkpoints by name: a file, ``miniworld://...`` or an address, read without running them."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any
from urllib.error import URLError
from urllib.parse import unquote, urlsplit

import torch
from torch import Tensor

from qaclims_mm.engine.pickle_scan import check_pickles
from qaclims_mm.errors import FormatError
from qaclims_mm.paths import SHIPPED, resolve
from qaclims_mm.schemas.published import read_safetensors

WEB = ('http://', 'https://')
# such names of model zoos end in a hash of their content, so that one name is one file
_HASHED_NAME = re.compile(r'.+-[0-9a-f]{8,}\.\w+')
_WRITE_AGAIN = (
    'If it is a checkpoint of yours, write it again as {"state_dict": model.state_dict()}; '
    'never load a file of others in another way.'
)


def checkpoint_path(name: str | Path) -> Path:
    """Return the file of a checkpoint, which is downloaded first if its name is an address.

    Args:
        name: Path, ``miniworld://...`` or ``https://...``.

    Raises:
        FormatError: If there is no such file, or it cannot be downloaded.
        FileNotFoundError: If the package ships no such file.
    """
    text = str(name)
    if text.startswith(SHIPPED):
        return Path(resolve(text))
    if text.startswith(WEB):
        return download(text)
    path = Path(text).expanduser()
    if not path.is_file():
        raise FormatError(f'there is no checkpoint {name}.')
    return path


def checkpoint_hash(name: str) -> str:
    """Return the sha256 of the weights of a checkpoint; of its name in a zoo such as torchvision's.

    What a training notes beside its weights (times, losses, versions) does not count, so that equal
    trainings give equal hashes.

    Raises:
        FormatError: If the file is missing, broken or no checkpoint.
    """
    if '://' in name and not name.startswith((SHIPPED, *WEB)):
        return hashlib.sha256(name.encode()).hexdigest()
    path = checkpoint_path(name)
    return hash_weights(weights_in(load_safely(str(path), 'cpu'), path))


def hash_weights(weights: Mapping[str, Tensor]) -> str:
    """Return the sha256 of names, types, shapes and numbers, whatever the order of the names."""
    digest = hashlib.sha256()
    for name, weight in sorted(weights.items()):
        head = json.dumps([name, str(weight.dtype), list(weight.shape)])
        digest.update(head.encode() + b'\n')
        numbers = weight.detach().cpu().contiguous().flatten().view(torch.uint8)
        digest.update(numbers.numpy().tobytes())
    return digest.hexdigest()


def cached_path(url: str, folder: str | Path | None = None) -> Path:
    """Return where a downloaded checkpoint is kept.

    Args:
        url: Its address.
        folder: By default that of ``torch.hub``.
    """
    name = unquote(Path(urlsplit(url).path).name) or 'checkpoint'
    root = Path(folder) if folder else Path(torch.hub.get_dir()) / 'checkpoints'
    if _HASHED_NAME.fullmatch(name):
        return root / name
    # model.safetensors of one place is not that of another
    return root / hashlib.sha256(url.encode()).hexdigest()[:16] / name


def download(url: str, folder: str | Path | None = None, progress: bool = False) -> Path:
    """Return the file of an address, which is downloaded unless it has been before.

    Args:
        url: Its address.
        folder: As in ``cached_path``.
        progress: Whether a bar is shown.

    Raises:
        FormatError: If it cannot be downloaded.
    """
    path = cached_path(url, folder)
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(url, str(path), progress=progress)
    except (URLError, TimeoutError, ConnectionError) as error:
        raise FormatError(
            f'{url} cannot be downloaded ({error}); check the address and the network, or put the '
            f'file at {path}.'
        ) from error
    return path


def load_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = False,
    **_: Any,
) -> Any:
    """Load a checkpoint from an address, in place of mmengine's function of that name."""
    return load_safely(download(url, model_dir, progress), map_location)


def load_safely(file: Any, map_location: Any = None, weights_only: bool = True) -> Any:
    """Load a checkpoint without running it, in place of mmengine's ``_safe_torch_load``.

    Args:
        file: Path of a ``.pth`` or ``.safetensors`` file, or an open file.
        map_location: Device, as in ``torch.load``.
        weights_only: Has no effect: nothing else is ever loaded.

    Raises:
        FormatError: If the file cannot be read, is broken, holds code, or is no checkpoint.
    """
    from mmengine.runner.checkpoint import get_torch_safe_globals

    try:
        if str(file).endswith('.safetensors'):
            return read_safetensors(file, map_location or 'cpu')
        allowed = [*get_torch_safe_globals(), *_number_types()]
        with torch.serialization.safe_globals(allowed):
            checkpoint = load_values(file, map_location)
    except MemoryError:
        raise
    # of a file that was cut or holds code, torch raises whatever it meets
    except Exception as error:
        raise FormatError(
            f'{file} cannot be loaded safely ({reason_of(error)}). {_mend_of(error)}'
        ) from error
    if problem := _problem_of(checkpoint):
        raise FormatError(f'{file} is no checkpoint: {problem}. {_WRITE_AGAIN}')
    return checkpoint


def load_values(file: Any, map_location: Any = 'cpu') -> Any:
    """Load whatever torch has saved, without running it, after a look at its pickles.

    Args:
        file: Path, or an open file.
        map_location: Device, as in ``torch.load``.

    Raises:
        FormatError: If reading it would never end.
        Exception: Whatever torch meets in a file that is broken or holds code.
    """
    check_pickles(file)
    return torch.load(file, map_location=map_location, weights_only=True)


def _mend_of(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        return 'Check the path and its permissions.'
    return _WRITE_AGAIN


def _problem_of(checkpoint: object) -> str:
    """Return why what was loaded is no {name: weight}, alone or under ``state_dict``, or ''."""
    if not isinstance(checkpoint, Mapping):
        return f'it holds a {type(checkpoint).__name__} instead of named weights'
    state = checkpoint.get('state_dict', checkpoint)
    if not isinstance(state, Mapping):
        return f'its state_dict is a {type(state).__name__} instead of named weights'
    wrong = next((key for key in (*checkpoint, *state) if not isinstance(key, str)), None)
    return '' if wrong is None else f'a name in it is a {type(wrong).__name__} instead of a text'


def _number_types() -> list[type]:
    """Return what a checkpoint may hold beside what mmengine lists: numpy's kinds of numbers.

    A training that validates keeps its scores as float32, which mmengine 0.10.12 could not load.
    """
    import numpy as np

    return [type(np.dtype(code)) for code in '?bBhHiIlLqQefd']


def reason_of(error: Exception) -> str:
    """Return what torch says of a file that it does not load, without its hint to run it."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    # whole names of a file may stand in it
    text = str(error)[:10_000]
    lines = [line.strip() for line in text.splitlines() if 'weights_only' not in line]
    kept = next((line for line in lines if line), 'not in a format that is known to be safe')
    return shorten(
        kept if isinstance(error, FormatError) else f'{type(error).__name__}: {kept}', 300
    )


def weights_in(checkpoint: Any, name: str | Path) -> dict[str, Tensor]:
    """Return the weights of a checkpoint that was loaded.

    Args:
        checkpoint: {name: weight}, alone or under ``state_dict``.
        name: What an error calls it.

    Raises:
        FormatError: If it holds anything else.
    """
    if isinstance(checkpoint, Mapping):
        checkpoint = checkpoint.get('state_dict', checkpoint)
    if not isinstance(checkpoint, Mapping) or not all(
        isinstance(k, str) and isinstance(v, Tensor) for k, v in checkpoint.items()
    ):
        raise FormatError(f'{name} has no state_dict of weights.')
    return dict(checkpoint)
