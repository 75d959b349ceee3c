"""Shards of the question-answer corpus, and the images that each lacks."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.files import is_table, read_json, write_json
from qaclims_mm.schemas.tables import pairs_of, read_parquet

SHARD_SIZE = 512
CORPUS_SCHEMA = pa.schema(
    [
        ('image_id', pa.string()),
        ('class_name', pa.string()),
        ('kind', pa.string()),
        ('question_id', pa.string()),
        ('question', pa.string()),
        ('answer', pa.string()),
        ('text', pa.string()),
        ('score', pa.float32()),
    ]
)


def shard_path(folder: str | Path, shard: int) -> Path:
    """Return the file of a corpus shard."""
    return Path(folder) / f'part-{shard:05d}.parquet'


def failed_path(folder: str | Path, shard: int) -> Path:
    """Return the list of the images of a shard that could not be used; absent if there are none."""
    return Path(folder) / f'part-{shard:05d}.failed.json'


def write_failed(path: str | Path, failed: Mapping[str, str]) -> None:
    """Write {image_id: reason}."""
    write_json(path, dict(failed))


def read_failed(path: str | Path) -> dict[str, str]:
    """Read {image_id: reason}.

    Raises:
        FormatError: If the file is something else.
    """
    value = read_json(path)
    if not is_table(value, str):
        raise FormatError(f'{path} is not {{image: reason}}; delete it and run its stage again.')
    return value


def read_shard(path: str | Path) -> pa.Table:
    """Read a corpus shard and check every row.

    Raises:
        FormatError: If it is broken, or holds what the qape stage does not write.
    """
    table = read_parquet(path, CORPUS_SCHEMA)
    if problem := _problem_of_rows(table):
        raise FormatError(f'{path} has {problem}; delete it and run the qape stage again.')
    return table


def _problem_of_rows(table: pa.Table) -> str:
    """Return what is wrong in the rows of a shard, or nothing."""
    ids = table['image_id'].to_pylist()
    if ids != sorted(ids):
        return 'images that are not in the order of their ids'
    if len(set(ids)) > SHARD_SIZE:
        return f'{len(set(ids))} images, more than the {SHARD_SIZE} of a shard'
    if not np.isfinite(table['score'].to_numpy()).all():
        return 'scores that are not finite'
    for kind, question_id in set(pairs_of(table, 'kind', 'question_id')):
        group = re.fullmatch(r'(fine|alias|object|scene|color|texture)_[1-9]', question_id)
        if group is None or kind != ('bg' if group[1] in ('object', 'scene') else 'fg'):
            return f'a question {question_id!r} of kind {kind!r}'
    return ''
