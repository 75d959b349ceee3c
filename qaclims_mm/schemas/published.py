"""Weights as others get them: tensors and, of what they were trained on, the names and colours.

A file is ``.safetensors``, whose metadata has ``meta`` in JSON, or a ``.pth`` of mmseg's kind,
``{'state_dict': ..., 'meta': ...}``. Both hold tensors, texts and numbers alone. ``meta`` has
``dataset_meta``, ``{'classes': [name], 'palette': [[red, green, blue]]}``, and ``config``, what of
the run's config is needed to predict: ``model`` and ``test_dataloader``; each if it is known.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.schemas.files import atomic_path
from qaclims_mm.schemas.names import counted
from qaclims_mm.schemas.run_config import is_deep

PUBLISHED = ('.safetensors', '.pth')
META = 'meta'


def published_meta(meta: object) -> dict[str, Any]:
    """Return what is published of a checkpoint's ``meta``: names, colours and config, if known.

    Raises:
        FormatError: If the names are not texts, the colours not three numbers for each of them, or
            the config is nested too deeply.
    """
    config = meta.get('config') if isinstance(meta, Mapping) else None
    kept: dict[str, Any] = dict(config=config) if isinstance(config, Mapping) else {}
    if is_deep(config):
        raise FormatError('the config of the checkpoint is nested too deeply.')
    data = meta.get('dataset_meta') if isinstance(meta, Mapping) else None
    classes = data.get('classes') if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not classes:
        return kept
    published: dict[str, Any] = dict(classes=list(classes))
    if data.get('palette') is not None:
        published['palette'] = [[int(v) for v in colour] for colour in data['palette']]
    if problem := _problem_of(published):
        raise FormatError(f'dataset_meta of the checkpoint is broken: {problem}.')
    return dict(dataset_meta=published, **kept)


def _problem_of(data: Mapping[str, Any]) -> str:
    if not all(isinstance(name, str) for name in data['classes']):
        return 'a class name is no text'
    palette = data.get('palette')
    if palette is not None and {len(colour) for colour in palette} != {3}:
        return 'a colour of the palette is not of three numbers'
    if palette is not None and len(palette) != len(data['classes']):
        classes, colours = counted(len(data['classes']), 'class'), counted(len(palette), 'colour')
        return f'it has {classes} and {colours}'
    return ''


def write_published(path: str | Path, state: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write weights; equal weights give equal bytes.

    Args:
        path: The file; its ending says which kind.
        state: {name: weight}.
        meta: Of ``published_meta``.

    Raises:
        ConfigError: If the file has another ending.
    """
    from safetensors.torch import save

    path = Path(path)
    if path.suffix not in PUBLISHED:
        raise ConfigError(f'the file must end in {" or ".join(PUBLISHED)}, but got {path}.')
    state = {name: value.contiguous() for name, value in state.items()}
    with atomic_path(path) as temporary:
        if path.suffix == '.pth':
            # to a path, torch would write the temporary name into the file
            with temporary.open('wb') as file:
                torch.save(dict(state_dict=state, meta=dict(meta)), file)
        else:
            temporary.write_bytes(_with_meta(save(state, metadata={'format': 'pt'}), meta))


def _with_meta(content: bytes, meta: Mapping[str, Any]) -> bytes:
    """Return a safetensors file with ``meta`` in its metadata.

    The library writes several entries of metadata in an order that changes from run to run.
    """
    (size,) = struct.unpack('<Q', content[:8])
    header = json.loads(content[8 : 8 + size])
    header['__metadata__'][META] = json.dumps(meta, ensure_ascii=False, sort_keys=True)
    text = json.dumps(header, separators=(',', ':')).encode()
    # tensors begin at a multiple of 8 bytes
    text += b' ' * (-len(text) % 8)
    return struct.pack('<Q', len(text)) + text + content[8 + size :]


def read_safetensors(path: str | Path, device: object = 'cpu') -> dict[str, Any]:
    """Read weights as a checkpoint of mmseg's kind, ``{'state_dict': ..., 'meta': ...}``.

    Args:
        path: Any safetensors file; ``meta`` is empty where its metadata has none.
        device: Where the weights go.

    Raises:
        FormatError: If ``meta`` is not what ``write_published`` writes.
        OSError: If there is no such file.
    """
    with safe_open(path, 'pt', device=str(device)) as file:
        metadata = file.metadata() or {}
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
    try:
        meta = json.loads(metadata.get(META, '{}'))
        return dict(state_dict=state, meta=published_meta(meta))
    except (ValueError, TypeError, RecursionError) as error:
        raise FormatError(f'{META} in the metadata of {path} is broken: {error}') from error
