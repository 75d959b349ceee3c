"""Answers that earlier runs left in the folder of a corpus, and how new shards replace old ones."""

import os
import shutil
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from qaclims_mm.corpus.store import Rows, ShardRows, write_shard
from qaclims_mm.errors import StageError
from qaclims_mm.schemas import (
    MANIFEST,
    ImageRecord,
    ids_by_shard,
    number_of_shards,
    read_records,
    shard_of,
    shard_path,
)
from qaclims_mm.schemas.corpus import next_folder, shard_files


@dataclass(frozen=True)
class ShardPlan:
    """What a run has to do so that a folder holds the corpus of its images.

    Attributes:
        folder: The corpus.
        target: Folder of new shards: the corpus, or one in it where a shard must not be replaced
            before another one has its answers: those of another number of shards, or of an image
            that has another name now.
        shards: Number of shards.
        whole: {shard: its file} of those that are as they have to be.
        known: {image_id: the shard that has its answers, or the reason why it has none, and the
            id that it has there}.
        changes: Whether a file of the corpus has to change.
    """

    folder: Path
    target: Path
    shards: int
    whole: dict[int, Path]
    known: dict[str, tuple[Path, str]]
    changes: bool


def plan_shards(folder: str | Path, images: Mapping[str, ImageRecord]) -> ShardPlan:
    """Find out what is known about images, and which shards have to be written.

    Args:
        folder: The corpus; it may be empty, finished, or left by a killed run over other images.
        images: {image_id: record} of all images of the run.

    Raises:
        FormatError: If a shard is broken.
    """
    folder = Path(folder)
    shards = number_of_shards(len(images))
    sizes = list(map(len, ids_by_shard(images, shards)))
    others = sorted(folder.glob('next-*'))
    whole: dict[int, Path] = {}
    known: dict[str, tuple[Path, str]] = {}
    by_content: dict[Hashable, tuple[Path, str]] = {}
    is_mixed = False
    # the corpus first: what a killed run has begun is older, if both are there
    for place in (folder, *others):
        for number, path in shard_files(place):
            found = read_records(path)
            is_mixed |= place == folder and found.shards != shards
            # an image in the wrong shard may be lost with it
            right = {i: r for i, r in found.images.items() if shard_of(i, found.shards) == number}
            same = [i for i, record in right.items() if _is_of(images.get(i), record)]
            for image_id in same:
                known.setdefault(image_id, (path, image_id))
            # what lies where new shards are written may be replaced before it has been read
            if place != next_folder(folder, shards):
                for image_id, record in right.items():
                    by_content.setdefault(_content(record), (path, image_id))
            is_place = found.shards == shards and number < shards
            if is_place and len(found.images) == len(same) == sizes[number]:
                whole.setdefault(number, path)
    renamed = {
        image_id: by_content[content]
        for image_id, image in images.items()
        if image_id not in known
        and image.sha256
        and (content := _content(image.as_json())) in by_content
    }
    known |= renamed
    changes = bool(others) or is_mixed or len(whole) < shards
    target = next_folder(folder, shards) if is_mixed or renamed else folder
    return ShardPlan(folder, target, shards, whole, known, changes)


def _is_of(image: ImageRecord | None, record: dict[str, Any]) -> bool:
    """Return whether a record of a shard is that of an image as it is now."""
    return image is not None and record == image.as_json(record.get('failed', ''))


def _content(record: dict[str, Any]) -> Hashable:
    """Return on what the answers about an image depend: its name is no part of it."""
    aliases = record.get('aliases', {})
    named = tuple((name, *others) for name, others in sorted(aliases.items()))
    return record.get('failed', ''), record['sha256'], tuple(record['classes']), named


class AnswerShards:
    """Writes the shards of a plan: known answers stay until they are in a new shard.

    Args:
        plan: What is known.
        images: {image_id: record} of all images of the run.
    """

    def __init__(self, plan: ShardPlan, images: Mapping[str, ImageRecord]) -> None:
        self.plan, self.images = plan, images
        self.ids = ids_by_shard(images, plan.shards)
        # a new shard is made of one old one, or of two
        self._read = lru_cache(maxsize=4)(_read_old)

    def unknown(self) -> dict[int, set[str]]:
        """Return the images to be asked about, of each shard that has to be written."""
        return {
            shard: set(ids) - self.plan.known.keys()
            for shard, ids in enumerate(self.ids)
            if shard not in self.plan.whole
        }

    def write(self, shard: int, rows_of: Mapping[str, Rows], failed: Mapping[str, str]) -> None:
        """Write a shard, which lacks the images that are neither given nor known.

        Args:
            shard: Its number.
            rows_of: {image_id: rows} of the images that were asked about.
            failed: {image_id: reason} of those that could not be used.
        """
        rows, reasons = dict(rows_of), dict(failed)
        ids = [i for i in self.ids[shard] if i in rows or i in self.plan.known]
        for image_id in ids:
            if image_id not in rows:
                path, name = self.plan.known[image_id]
                old, records = self._read(path)
                rows[image_id] = [row | dict(image_id=image_id) for row in old.rows(name)]
                reasons[image_id] = records[name].get('failed', '')
        records = {i: self.images[i].as_json(reasons.get(i, '')) for i in ids}
        write_shard(self.plan.target, shard, rows, self.plan.shards, records)

    def finish(self) -> None:
        """Let the new shards replace the old ones, and remove what is not of this corpus.

        Raises:
            StageError: If a shard has not been written.
        """
        folder, target = self.plan.folder, self.plan.target
        new = {s: shard_path(target, s) for s in range(self.plan.shards)} | self.plan.whole
        missing = sorted(s for s, path in new.items() if not path.is_file())
        if missing:
            raise StageError(
                f'{folder} lacks {len(missing)} of {len(new)} shards (first: {missing[0]}), since '
                'not all images were asked about; run the qape stage again.'
            )
        for shard, path in new.items():
            os.replace(path, shard_path(folder, shard))
        # only now no known answer lies in these alone
        for number, path in shard_files(folder):
            if number >= self.plan.shards:
                path.unlink()
        for left in folder.glob('next-*'):
            shutil.rmtree(left)

    def begin(self) -> None:
        """Mark the corpus as unfinished if it has to change."""
        if self.plan.changes:
            (self.plan.folder / MANIFEST).unlink(missing_ok=True)


def _read_old(path: Path) -> tuple[ShardRows, dict[str, dict[str, Any]]]:
    return ShardRows(path), read_records(path).images
