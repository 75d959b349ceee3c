"""Shards of the question-answer corpus, and from what each image's answers were made."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.files import is_table
from qaclims_mm.schemas.names import counted, shown_name
from qaclims_mm.schemas.tables import pairs_of, read_metadata, read_parquet

# images of a shard on average, at most
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
# key-value metadata of a shard: the corpus's number of shards, and {image_id: record} as JSON
SHARDS_KEY, IMAGES_KEY = 'qaclims_shards', 'qaclims_images'
# with the image, what no two rows have in common
_ROW_KEYS = ('class_name', 'question_id')
_AGAIN = 'delete it and run the qape stage again'


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What decides about the answers of an image, beside the model and its questions.

    Attributes:
        path: The image's file.
        sha256: Hash of the file's bytes; empty if it cannot be read, ``None`` if nobody knows it.
        classes: Classes of the image, in the order in which they are asked about.
        aliases: {class: other names of it} that the dataset knows.
    """

    path: str
    sha256: str | None
    classes: tuple[str, ...]
    aliases: dict[str, list[str]] = field(default_factory=dict)

    def as_json(self, failed: str = '') -> dict[str, Any]:
        """Return the record as the metadata of a shard have it.

        Args:
            failed: The reason why the image could not be used, which may name its path.
        """
        value: dict[str, Any] = dict(sha256=self.sha256, classes=list(self.classes))
        if self.aliases:
            value['aliases'] = {name: list(names) for name, names in self.aliases.items()}
        return value | (dict(failed=failed, path=self.path) if failed else {})


class ShardRecords(NamedTuple):
    """The metadata of a shard: number of shards of the corpus, and {image_id: record}."""

    shards: int
    images: dict[str, dict[str, Any]]


def number_of_shards(images: int) -> int:
    """Return into how many shards a corpus is divided: a power of two, about 512 images each."""
    return 1 << max(0, -(-images // SHARD_SIZE) - 1).bit_length()


def shard_of(image_id: str, shards: int) -> int:
    """Return the shard of an image: the first bits of the sha256 of its id.

    Args:
        image_id: Id of the image.
        shards: Number of shards of the corpus, a power of two.
    """
    first = hashlib.sha256(image_id.encode()).digest()[:4]
    return int.from_bytes(first, 'big') * shards >> 32


def ids_by_shard(image_ids: Iterable[str], shards: int) -> list[list[str]]:
    """Return the sorted ids of the images of each shard."""
    ids: list[list[str]] = [[] for _ in range(shards)]
    for image_id in sorted(image_ids):
        ids[shard_of(image_id, shards)].append(image_id)
    return ids


def shard_path(folder: str | Path, shard: int) -> Path:
    """Return the file of a corpus shard."""
    return Path(folder) / f'part-{shard:05d}.parquet'


def next_folder(folder: str | Path, shards: int) -> Path:
    """Return the folder of new shards while those of another number of shards are needed."""
    return Path(folder) / f'next-{shards:05d}'


def shard_files(folder: str | Path) -> Iterator[tuple[int, Path]]:
    """Yield the shards that lie in a folder, in order: number and file."""
    for path in sorted(Path(folder).glob('part-*.parquet')):
        if match := re.fullmatch(r'part-(\d{5,9})\.parquet', path.name):
            yield int(match[1]), path


def records_as_metadata(records: ShardRecords) -> dict[str, str]:
    """Return the key-value metadata of a shard."""
    # ASCII: a reason may name a path that UTF-8 cannot hold
    images = json.dumps(records.images, sort_keys=True, separators=(',', ':'))
    return {SHARDS_KEY: str(records.shards), IMAGES_KEY: images}


def read_records(path: str | Path) -> ShardRecords:
    """Read the metadata of a shard, and none of its rows.

    Raises:
        FormatError: If it is broken or has no such metadata.
    """
    metadata = read_metadata(path)
    try:
        shards, images = int(metadata[SHARDS_KEY]), json.loads(metadata[IMAGES_KEY])
    except (KeyError, ValueError, RecursionError) as error:
        raise FormatError(
            f'{path} does not list its images in its metadata ({SHARDS_KEY} and {IMAGES_KEY}); '
            f'{_AGAIN}.'
        ) from error
    if not is_table(images, dict) or not all(map(_is_record, images.values())):
        raise FormatError(f'{path} has metadata that are not {{image: record}}; {_AGAIN}.')
    return ShardRecords(shards, images)


def _is_record(value: dict[str, Any]) -> bool:
    aliases = value.get('aliases', {})
    return (
        isinstance(value.get('sha256', ''), (str, type(None)))
        and all(isinstance(value.get(k, ''), str) for k in ('failed', 'path'))
        and _are_names(value.get('classes'))
        and is_table(aliases, list)
        and all(map(_are_names, aliases.values()))
    )


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def hash_shards(folder: str | Path, shards: int) -> str:
    """Return the sha256 of all shards, by which a manifest names the answers themselves."""
    digest = hashlib.sha256()
    for shard in range(shards):
        digest.update(hashlib.sha256(shard_path(folder, shard).read_bytes()).digest())
    return digest.hexdigest()


def read_shard(path: str | Path) -> pa.Table:
    """Read a corpus shard and check every row.

    Raises:
        FormatError: If it is broken, or holds what the qape stage does not write.
    """
    table, records = read_parquet(path, CORPUS_SCHEMA), read_records(path)
    problem = problem_of_rows(table) or _problem_of_place(Path(path), records)
    if problem := problem or _problem_of_records(table, records):
        raise FormatError(f'{path} has {problem}; {_AGAIN}.')
    return table


def problem_of_rows(table: pa.Table) -> str:
    """Return what is wrong in the rows of a shard, or nothing."""
    ids = table['image_id'].to_pylist()
    if ids != sorted(ids):
        return 'images that are not in the order of their ids'
    if not np.isfinite(table['score'].to_numpy()).all():
        return 'scores that are not finite'
    keys = list(zip(ids, *(table[k].to_pylist() for k in _ROW_KEYS), strict=True))
    if len(set(keys)) != len(keys):
        return 'rows that stand twice'
    for kind, question_id in set(pairs_of(table, 'kind', 'question_id')):
        group = re.fullmatch(r'(fine|alias|object|scene|color|texture|caption)_[1-9]', question_id)
        if group is None or kind != ('bg' if group[1] in ('object', 'scene') else 'fg'):
            return f'a question {question_id!r} of kind {kind!r}'
    return ''


def _problem_of_place(path: Path, records: ShardRecords) -> str:
    """Return why a shard is not the one that its name says, or nothing."""
    shards, images = records
    if shards < 1 or shards & (shards - 1):
        return f'{shards} as the number of shards in its metadata, which is no power of two'
    number = next((n for n, p in shard_files(path.parent) if p.name == path.name), 0)
    for image_id in images:
        if (right := shard_of(image_id, shards)) != number:
            name = shard_path('', right).name
            of_all = counted(shards, 'shard')
            return f'image {shown_name(image_id)}, which belongs into {name} of {of_all}'
    return ''


def _problem_of_records(table: pa.Table, records: ShardRecords) -> str:
    """Return where the rows and the metadata of a shard disagree, or nothing."""
    pairs = list(dict.fromkeys(pairs_of(table, 'image_id', 'class_name')))
    found = {i: [name for _, name in group] for i, group in groupby(pairs, key=lambda p: p[0])}
    # without any question there is no answer about any image
    wanted = {
        image_id: record['classes']
        for image_id, record in records.images.items()
        if found and record['classes'] and not record.get('failed')
    }
    differ = sorted(i for i in {*found, *wanted} if found.get(i) != wanted.get(i))
    if differ:
        return f'answers about other images or classes than its metadata (see {differ[0]!r})'
    return ''
