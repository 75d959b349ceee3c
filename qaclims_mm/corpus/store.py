"""The question-answer corpus on disk: Parquet shards of 512 images and a manifest."""

import difflib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from qaclims_mm.errors import FormatError, StageError
from qaclims_mm.schemas import (
    CORPUS_SCHEMA,
    MANIFEST,
    SHARD_SIZE,
    Manifest,
    manifest_hash,
    read_parquet,
    shard_path,
    shown_name,
    write_parquet,
)
from qaclims_mm.schemas.files import problem_of_file
from qaclims_mm.schemas.names import shown_text


def write_shard(
    folder: str | Path, shard: int, rows_of: Mapping[str, Sequence[dict[str, Any]]]
) -> None:
    """Write one shard whole; images in the order of their ids.

    Args:
        folder: The corpus.
        shard: Its number N, for the images [512 N, 512 (N + 1)) of the sorted id list.
        rows_of: {image_id: its rows, in class and question order}; a failed image has none.
    """
    rows = [row for image_id in sorted(rows_of) for row in rows_of[image_id]]
    columns = {name: [row[name] for row in rows] for name in CORPUS_SCHEMA.names}
    columns['score'] = [round(float(s), 4) for s in columns['score']]
    write_parquet(shard_path(folder, shard), columns, CORPUS_SCHEMA)


def finished_shards(folder: str | Path, number_of_images: int) -> set[int]:
    """Return the shards that are there."""
    shards = range(-(-number_of_images // SHARD_SIZE))
    return {s for s in shards if shard_path(folder, s).is_file()}


class VQACorpus:
    """A finished corpus; only the shard that is looked at is in memory.

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
        self._ids: list[str] = []
        self._shard_of: list[int] = []
        if 'shards' not in self.manifest.counts:
            raise FormatError(
                f'{self.folder / MANIFEST} does not count shards; run the qape stage again.'
            )
        for shard in range(self.manifest.counts['shards']):
            path = shard_path(folder, shard)
            if problem := problem_of_file(path):
                raise FormatError(
                    f'{path} {problem}; run the qape stage again, it makes only that.'
                )
            ids = pc.unique(read_parquet(path, CORPUS_SCHEMA, ['image_id'])['image_id'])
            self._ids += ids.to_pylist()
            self._shard_of += [shard] * len(ids)
        # a shard in memory is a few MB; the two last are kept, as readers go through in order
        self._read = lru_cache(maxsize=2)(self._read_shard)

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

    def __iter__(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        return ((image_id, self[image_id]) for image_id in self._ids)

    def __contains__(self, image_id: object) -> bool:
        return isinstance(image_id, str) and self._find(image_id) is not None

    def _find(self, image_id: str) -> int | None:
        position = bisect_left(self._ids, image_id)
        found = position < len(self._ids) and self._ids[position] == image_id
        return position if found else None

    def __getitem__(self, image_id: str) -> list[dict[str, Any]]:
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
        return self._read(self._shard_of[position])[image_id]

    def _read_shard(self, shard: int) -> dict[str, list[dict[str, Any]]]:
        return _by_image(read_parquet(shard_path(self.folder, shard), CORPUS_SCHEMA).to_pylist())


def _by_image(rows: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    images: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        images.setdefault(row['image_id'], []).append(row)
    return images
