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
from qaclims_mm.schemas.names import counted


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
        failed: Images among the known ones that have a reason instead of answers.
        changes: Whether a file of the corpus has to change, whatever becomes of the failed images.
        is_finished: Whether the corpus has its manifest.
    """

    folder: Path
    target: Path
    shards: int
    whole: dict[int, Path]
    known: dict[str, tuple[Path, str]]
    failed: frozenset[str]
    changes: bool
    is_finished: bool


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
    found_of = _KnownImages()
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
                found_of.add(image_id, path, bool(right[image_id].get('failed')))
            # what lies where new shards are written may be replaced before it has been read
            if place != next_folder(folder, shards):
                for image_id, record in right.items():
                    by_content.setdefault(_content(record), (path, image_id))
            is_place = found.shards == shards and number < shards
            if is_place and len(found.images) == len(same) == sizes[number]:
                whole.setdefault(number, path)
    known, failed = found_of.known, found_of.failed
    for image_id in found_of.answered:
        # this shard lacks an answer that a killed run got
        whole.pop(shard_of(image_id, shards), None)
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
    is_finished = (folder / MANIFEST).is_file()
    return ShardPlan(folder, target, shards, whole, known, frozenset(failed), changes, is_finished)


class _KnownImages:
    """The best record of each image.

    Attributes:
        known: See ``ShardPlan``.
        failed: See ``ShardPlan``.
        answered: Images that failed in the first shard with their record, but not in a later one.
    """

    def __init__(self) -> None:
        self.known: dict[str, tuple[Path, str]] = {}
        self.failed: set[str] = set()
        self.answered: set[str] = set()

    def add(self, image_id: str, path: Path, has_failed: bool) -> None:
        """Take a record of an image; the first one, or the first with answers, counts."""
        if image_id in self.failed and not has_failed:
            self.failed.remove(image_id)
            self.answered.add(image_id)
            self.known[image_id] = (path, image_id)
        elif image_id not in self.known:
            self.known[image_id] = (path, image_id)
            if has_failed:
                self.failed.add(image_id)


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

    def to_ask(self, is_part: bool = False) -> dict[int, set[str]]:
        """Return the images to ask about, {shard: image ids}.

        Images that failed in an earlier run are among them. If all images were asked about and only
        the manifest is missing, the earlier run was a part of this one, and they are not.

        Args:
            is_part: Whether the run has only a part of the images.

        Returns:
            All shards that have to be written, some of which lack no answer, and those with images
            that failed.
        """
        plan = self.plan
        images = {
            shard: set(ids) - plan.known.keys()
            for shard, ids in enumerate(self.ids)
            if shard not in plan.whole
        }
        if is_part or plan.is_finished or any(images.values()):
            for image_id in plan.failed:
                images.setdefault(shard_of(image_id, plan.shards), set()).add(image_id)
        return images

    def write(self, shard: int, rows_of: Mapping[str, Rows], failed: Mapping[str, str]) -> None:
        """Write a shard, which lacks the images that are neither given nor known.

        An image that fails again keeps its first reason. If a shard has nothing new, it is not
        written, so that nothing that was made from the corpus has to be made again.

        Args:
            shard: Its number.
            rows_of: {image_id: rows} of the images that were asked about.
            failed: {image_id: reason} of those that could not be used.
        """
        plan = self.plan
        rows = {i: r for i, r in rows_of.items() if not (i in plan.failed and failed.get(i))}
        reasons = dict(failed)
        target = plan.target
        if shard in plan.whole:
            if not rows:
                return
            target = plan.whole[shard].parent
            (plan.folder / MANIFEST).unlink(missing_ok=True)
        ids = [i for i in self.ids[shard] if i in rows or i in plan.known]
        for image_id in ids:
            if image_id not in rows:
                path, name = plan.known[image_id]
                old, records = self._read(path)
                rows[image_id] = [row | dict(image_id=image_id) for row in old.rows(name)]
                reasons[image_id] = records[name].get('failed', '')
        records = {i: self.images[i].as_json(reasons.get(i, '')) for i in ids}
        write_shard(target, shard, rows, plan.shards, records)

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
                f'{folder} lacks {len(missing)} of {counted(len(new), "shard")} (first: '
                f'{missing[0]}), since not all images were asked about; run the qape stage again.'
            )
        for shard, path in new.items():
            os.replace(path, shard_path(folder, shard))
        # only now no known answer lies in these alone
        for number, path in shard_files(folder):
            if number >= self.plan.shards:
                path.unlink()
        for left in folder.glob('next-*'):
            shutil.rmtree(left)

    def begin(self, is_part: bool = False) -> None:
        """Mark the corpus as unfinished if it has to change.

        Args:
            is_part: Whether the run has only a part of the images. Then images that failed mark the
                corpus too, so that the run that finishes it does not ask about them once more.
        """
        if self.plan.changes or (is_part and self.plan.failed):
            (self.plan.folder / MANIFEST).unlink(missing_ok=True)


def _read_old(path: Path) -> tuple[ShardRows, dict[str, dict[str, Any]]]:
    return ShardRows(path), read_records(path).images
