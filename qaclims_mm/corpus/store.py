"""The question-answer corpus on disk: Parquet shards of about 512 images and a manifest."""

import difflib
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qaclims_mm.errors import FormatError, StageError
from qaclims_mm.schemas import (
    CORPUS_SCHEMA,
    MANIFEST,
    Manifest,
    ShardRecords,
    manifest_hash,
    read_parquet,
    shard_path,
    shown_name,
    write_parquet,
)
from qaclims_mm.schemas.corpus import problem_of_rows, records_as_metadata
from qaclims_mm.schemas.files import problem_of_file
from qaclims_mm.schemas.names import shown_text

Rows = list[dict[str, Any]]


def write_shard(
    folder: str | Path,
    shard: int,
    rows_of: Mapping[str, Sequence[dict[str, Any]]],
    shards: int = 1,
    images: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Write one shard whole; images in the order of their ids.

    Args:
        folder: The corpus.
        shard: Its number; ``schemas.shard_of`` says which images belong into it.
        rows_of: {image_id: its rows, in class and question order}; a failed image has none.
        shards: Number of shards of the corpus.
        images: {image_id: from what its rows were made}, ``ImageRecord.as_json``; by default the
            classes of the rows.
    """
    rows = [row for image_id in sorted(rows_of) for row in rows_of[image_id]]
    columns = {name: [row[name] for row in rows] for name in CORPUS_SCHEMA.names}
    columns['score'] = [round(float(s), 4) for s in columns['score']]
    if images is None:
        images = {
            image_id: dict(
                sha256=None, classes=list(dict.fromkeys(row['class_name'] for row in of_image))
            )
            for image_id, of_image in rows_of.items()
        }
    records = ShardRecords(shards, {image_id: dict(images[image_id]) for image_id in rows_of})
    write_parquet(shard_path(folder, shard), columns, CORPUS_SCHEMA, records_as_metadata(records))


class ShardRows:
    """The rows of a shard in little memory: each distinct string is held once.

    Args:
        path: The shard.

    Raises:
        FormatError: If it is broken, or has rows that no stage writes.
    """

    def __init__(self, path: str | Path) -> None:
        table = read_parquet(path, CORPUS_SCHEMA)
        if problem := problem_of_rows(table):
            raise FormatError(f'{path} has {problem}; delete it and run the qape stage again.')
        ids = table['image_id'].to_pylist()
        starts = [0]
        for _, group in groupby(ids):
            starts.append(starts[-1] + sum(1 for _ in group))
        self._places = {ids[a]: slice(a, b) for a, b in pairwise(starts)}
        self._columns = [_numbered(table[name]) for name in CORPUS_SCHEMA.names]

    @property
    def image_ids(self) -> list[str]:
        """Ids of the images with rows."""
        return list(self._places)

    def rows(self, image_id: str) -> Rows:
        """Return the rows of an image, of which there may be none."""
        place = self._places.get(image_id, slice(0, 0))
        columns = [
            [values[n] for n in numbers[place].tolist()] for values, numbers in self._columns
        ]
        names = CORPUS_SCHEMA.names
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _numbered(column: pa.ChunkedArray) -> tuple[list[Any], np.ndarray]:
    """Return the distinct values of a column, and the number of each row's value."""
    array = column.combine_chunks().dictionary_encode()
    return array.dictionary.to_pylist(), array.indices.to_numpy()


class VQACorpus:
    """A finished corpus, of which at most 256 shards are in memory (half a megabyte each).

    Iterating goes through the images in the order of their ids, which lie in any shard: where the
    order does not matter, ``by_shard`` takes less time for a corpus of more than 256 shards.

    Args:
        folder: The corpus.

    Raises:
        FormatError: If it is unfinished, or a shard is missing or broken.

    Example:
        After the quickstart, or any stage ``qape``:

        >>> from qaclims_mm.corpus.store import VQACorpus
        >>> corpus = VQACorpus('work_dirs/miniworld/qape/corpus')  # doctest: +SKIP
        >>> [row['answer'] for row in corpus['mini_000000']]  # doctest: +SKIP
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.manifest = Manifest.read(folder)
        if self.manifest.stage != 'qape':
            stage = shown_text(self.manifest.stage)
            raise FormatError(f'{folder} was made by stage {stage}, not by qape.')
        if 'shards' not in self.manifest.counts:
            raise FormatError(
                f'{self.folder / MANIFEST} does not count shards; run the qape stage again.'
            )
        places: list[tuple[str, int]] = []
        for shard in range(self.manifest.counts['shards']):
            path = shard_path(folder, shard)
            if problem := problem_of_file(path):
                raise FormatError(
                    f'{path} {problem}; run the qape stage again, it makes only that.'
                )
            ids = pc.unique(read_parquet(path, CORPUS_SCHEMA, ['image_id'])['image_id'])
            places += [(image_id, shard) for image_id in ids.to_pylist()]
        places.sort()
        self._ids = [image_id for image_id, _ in places]
        self._shard_of = [shard for _, shard in places]
        self._read = lru_cache(maxsize=256)(self._read_shard)

    @property
    def image_ids(self) -> list[str]:
        """Ids of the images with answers, sorted."""
        return self._ids

    @property
    def corpus_hash(self) -> str:
        """Hash by which other stages name this corpus."""
        return manifest_hash(self.folder)

    def check_questions(self, question_hash: str) -> None:
        """Refuse a corpus of another question set.

        Raises:
            StageError: If it is of another one.
        """
        found = self.manifest.extra.get('questions')
        if found != question_hash:
            raise StageError(
                f'{self.folder} was made with another question set ({found} instead of '
                f'{question_hash}); run the qape stage into another folder.'
            )

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[tuple[str, Rows]]:
        return ((image_id, self[image_id]) for image_id in self._ids)

    def by_shard(self) -> Iterator[tuple[str, Rows]]:
        """Yield all images with their rows, one shard after the other."""
        for shard in range(self.manifest.counts['shards']):
            found = self._read_shard(shard)
            yield from ((image_id, found.rows(image_id)) for image_id in found.image_ids)

    def __contains__(self, image_id: object) -> bool:
        return isinstance(image_id, str) and self._find(image_id) is not None

    def _find(self, image_id: str) -> int | None:
        position = bisect_left(self._ids, image_id)
        found = position < len(self._ids) and self._ids[position] == image_id
        return position if found else None

    def __getitem__(self, image_id: str) -> Rows:
        """Return the rows of an image, in class and question order.

        Raises:
            KeyError: If there is no answer about it; the message names ids that look alike.
        """
        position = self._find(image_id)
        if position is None:
            near = difflib.get_close_matches(image_id, self._ids, n=3)
            hint = f'; did you mean {", ".join(map(shown_text, near))}?' if near else ''
            shown = shown_name(image_id)
            raise KeyError(f'{self.folder} has no answers about image {shown}{hint}')
        return self._read(self._shard_of[position]).rows(image_id)

    def _read_shard(self, shard: int) -> ShardRows:
        return ShardRows(shard_path(self.folder, shard))
