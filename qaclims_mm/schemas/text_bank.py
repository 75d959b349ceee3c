"""The text bank: embeddings, texts and the index from (image, class) to rows."""

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.files import (
    atomic_path,
    hash_file,
    problem_of_file,
    read_json,
    write_json,
)
from qaclims_mm.schemas.manifest import SCHEMA_VERSION
from qaclims_mm.schemas.names import counted
from qaclims_mm.schemas.tables import pairs_of, read_parquet, write_parquet

_FILES = ('texts.safetensors', 'texts.json', 'index.parquet')
_AGAIN = 'run qaclims encode-texts again'
TEXT_INDEX_SCHEMA = pa.schema(
    [
        ('image_id', pa.string()),
        ('class_name', pa.string()),
        ('label', pa.int32()),
        ('fg', pa.list_(pa.int32())),
        ('bg', pa.list_(pa.int32())),
        ('no', pa.int32()),
    ]
)


def write_text_bank(
    folder: str | Path,
    embeddings: np.ndarray,
    texts: Sequence[str],
    index: Mapping[str, Sequence[Any]],
    metadata: Mapping[str, str],
) -> None:
    """Write ``texts.safetensors``, ``texts.json`` and ``index.parquet``.

    Args:
        folder: The text bank's folder.
        embeddings: L2-normalised, ``(T, D)``; stored as float16.
        texts: The T strings without prompt.
        index: Columns of ``TEXT_INDEX_SCHEMA``.
        metadata: clip, weights_sha256, prompt and corpus_hash.

    Raises:
        ValueError: If the number of texts and of embeddings differ.
    """
    from safetensors.numpy import save

    if len(texts) != len(embeddings):
        raise ValueError(
            f'there must be one embedding a text, but got {len(embeddings)} for {len(texts)}.'
        )
    folder = Path(folder)
    write_json(folder / 'texts.json', list(texts))
    write_parquet(folder / 'index.parquet', index, TEXT_INDEX_SCHEMA)
    content = save(
        {'embeddings': np.ascontiguousarray(embeddings, dtype=np.float16)},
        metadata={'schema': str(SCHEMA_VERSION), **metadata},
    )
    with atomic_path(folder / 'texts.safetensors') as temporary:
        temporary.write_bytes(_with_sorted_header(content))


def _with_sorted_header(content: bytes) -> bytes:
    """Return a safetensors file with its header's keys in order: the library has them in any."""
    size = int.from_bytes(content[:8], 'little')
    header = json.loads(content[8 : 8 + size])
    text = json.dumps(header, sort_keys=True, ensure_ascii=False, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)  # the tensors begin at a multiple of 8
    return len(text).to_bytes(8, 'little') + text + content[8 + size :]


def hash_text_bank(folder: str | Path) -> dict[str, str]:
    """Return {file: sha256} of a text bank, by which its manifest names its content."""
    return {name: hash_file(Path(folder) / name) for name in _FILES}


class TextBankFiles(NamedTuple):
    """A text bank: memory-mapped embeddings (T, D) float16, texts, index table, metadata."""

    embeddings: Any
    texts: list[str]
    index: pa.Table
    metadata: dict[str, str]


def read_texts(folder: str | Path) -> list[str]:
    """Read the texts of a bank.

    Raises:
        FormatError: If the file is no list of texts in JSON.
    """
    path = Path(folder) / 'texts.json'
    texts = read_json(path, _AGAIN)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise FormatError(f'{path} is no list of texts; {_AGAIN}.')
    return texts


def read_text_bank(folder: str | Path) -> TextBankFiles:
    """Open a text bank; the embeddings stay on disk until they are used.

    Raises:
        FormatError: If a file is missing, truncated, of another schema, or the parts disagree.
    """
    from safetensors import SafetensorError, safe_open

    folder = Path(folder)
    for name in _FILES:
        if problem := problem_of_file(folder / name):
            raise FormatError(
                f'{folder / name} {problem}; make the text bank with qaclims encode-texts.'
            )
    path = folder / 'texts.safetensors'
    try:
        with safe_open(path, framework='pt') as file:
            metadata = dict(file.metadata() or {})
            embeddings = file.get_tensor('embeddings')
    except SafetensorError as error:
        raise FormatError(f'{path} is broken ({error}); run qaclims encode-texts again.') from error
    if metadata.get('schema') != str(SCHEMA_VERSION):
        raise FormatError(
            f'{path} has schema {metadata.get("schema")}, but this version reads {SCHEMA_VERSION}.'
        )
    texts = read_texts(folder)
    index = read_parquet(folder / 'index.parquet', TEXT_INDEX_SCHEMA)
    if len(texts) != len(embeddings):
        raise FormatError(
            f'{folder} has {counted(len(texts), "text")} but '
            f'{counted(len(embeddings), "embedding")}; run qaclims encode-texts again.'
        )
    return TextBankFiles(embeddings, texts, index, metadata)


def check_text_bank(folder: str | Path) -> TextBankFiles:
    """Read a text bank and check every row of it.

    Raises:
        FormatError: As ``read_text_bank``, or if a part holds what ``qaclims encode-texts`` does
            not write.
    """
    files = read_text_bank(folder)
    if problem := _problem_of_bank(files):
        raise FormatError(f'{folder} has {problem}; run qaclims encode-texts again.')
    return files


def _problem_of_bank(files: TextBankFiles) -> str:
    """Return what is wrong in a text bank whose parts can be read, or nothing."""
    embeddings, texts, index, metadata = files
    missing = {'clip', 'weights_sha256', 'prompt', 'corpus_hash'} - set(metadata)
    if missing:
        return f'no {", ".join(sorted(missing))} in its metadata'
    if len(set(texts)) != len(texts):
        return 'texts that stand twice'
    vectors = np.asarray(embeddings)
    norms = np.linalg.norm(vectors.astype(np.float32), axis=-1)
    if vectors.dtype != np.float16 or vectors.ndim != 2 or not (abs(norms - 1) < 0.01).all():
        return 'embeddings that are not float16 of norm 1'
    keys = list(pairs_of(index, 'image_id', 'class_name'))
    if any(a >= b for a, b in itertools.pairwise(keys)):
        return 'pairs that stand twice or are not in order'
    for name in ('label', 'no', 'fg', 'bg'):
        column = index[name]
        rows = (pc.list_flatten(column) if name in ('fg', 'bg') else column).to_numpy()
        if not ((rows >= 0) & (rows < len(texts))).all():
            return f'rows in its column {name} that are not among the {counted(len(texts), "text")}'
    return ''
