"""Reading models of transformers, with no code of theirs, and errors that say what to do."""

from collections.abc import Callable
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from safetensors import SafetensorError

from qaclims_mm.errors import FormatError
from qaclims_mm.paths import SHIPPED, resolve
from qaclims_mm.schemas.names import counted


def read_pretrained(from_pretrained: Callable, model: str, files: str, **options: Any) -> Any:
    """Read something of a model; no code that lies beside the weights is run.

    Args:
        from_pretrained: Of a class of transformers.
        model: Local folder, hub id or ``miniworld://``.
        files: What the folder must have, for the error's text.
        **options: Of ``from_pretrained``.

    Raises:
        FormatError: If it cannot be read.
    """
    # the hub's own message is about the form of its ids
    is_path = Path(model).is_absolute() or model.startswith(('.', '~')) or '\\' in model
    if (is_path or model.count('/') > 1) and not (
        model.startswith(SHIPPED) or Path(model).is_dir()
    ):
        raise FormatError(f'the folder {model!r} does not exist; give a folder with {files}.')
    try:
        return from_pretrained(resolve(model), trust_remote_code=False, **options)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = shorten(str(error).rstrip('.! '), 500, placeholder=' ...')
        raise FormatError(
            f'{model!r} cannot be read by transformers: {reason}. Give a folder with {files}, or '
            'a hub id and a network.'
        ) from error


def read_weights(auto_class: Any, model: str, **options: Any) -> Any:
    """Read a whole model from safetensors; frozen, in eval mode.

    Raises:
        FormatError: If it cannot be read, or lacks weights.
    """
    found, info = read_pretrained(
        auto_class.from_pretrained,
        model,
        'config.json and model.safetensors',
        use_safetensors=True,
        output_loading_info=True,
        **options,
    )
    if info['missing_keys']:
        # transformers makes them up
        raise FormatError(
            f'{model!r} lacks {counted(len(info["missing_keys"]), "weight")}, such as '
            f'{min(info["missing_keys"])}; give the folder of a whole {type(found).__name__}.'
        )
    return found.requires_grad_(False).eval()


def read_or_make(model_class: Any, model: str, config: Any = None, seed: int = 0) -> Any:
    """Read a whole model in float32, or make one with random weights.

    Args:
        model_class: Class of transformers.
        model: Local folder, hub id or ``miniworld://``; not read if there is a config.
        config: Config object of a model with random weights.
        seed: Of the random weights.

    Returns:
        The model, frozen, in eval mode.

    Raises:
        FormatError: If the weights cannot be read, or some are missing.
    """
    if config is None:
        return read_weights(model_class, model, dtype=torch.float32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return model_class(config).requires_grad_(False).eval()
