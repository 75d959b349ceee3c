"""Interfaces that hooks expect of transforms, samplers, models and evaluators.

A class implements an interface by its members and imports nothing from here, since the arrows of
the package point the other way. ``tests/test_engine/test_protocols.py`` compares the signatures of
all classes that implement one.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class StageReader(Protocol):
    """A transform that reads files of another stage."""

    @property
    def input_folder(self) -> str | Path | None:
        """Folder of the stage, which has a manifest; ``None`` if the transform reads none."""


@runtime_checkable
class SkippingSampler(Protocol):
    """A sampler of a test run that can leave out images."""

    def skip(self, image_ids: Collection[str]) -> int:
        """Leave out images and return how many of the dataset they are."""


@runtime_checkable
class GroupingSampler(Protocol):
    """A sampler of a test run that can give images to one rank together."""

    def keep_together(self, groups: Sequence[int]) -> None:
        """Deal the images by groups, each whole and in order; one number an image."""


@runtime_checkable
class QuestionAsker(Protocol):
    """A model whose results depend on questions."""

    @property
    def question_hash(self) -> str:
        """Hash of the questions."""


@runtime_checkable
class AheadModel(Protocol):
    """A model that begins with batches before it is their turn."""

    @property
    def is_busy(self) -> bool:
        """Whether no further batch should be begun before one is finished."""

    def begin(self, batch: Mapping[str, Any]) -> None:
        """Begin with a batch that ``test_step`` is given later."""

    def finish(self) -> list[str]:
        """Drop what has begun, and return lines about the work."""


@runtime_checkable
class WorkDirUser(Protocol):
    """An evaluator that writes into the work dir of the run by default."""

    def use_work_dir(self, work_dir: str) -> None:
        """Take the work dir for all places that were not given."""


@runtime_checkable
class FolderWriter(Protocol):
    """An evaluator that fills a folder, which belongs to one run alone."""

    @property
    def claimed_folder(self) -> Path | None:
        """Folder of the files; ``None`` if the evaluator writes none."""

    @property
    def settings(self) -> Mapping[str, str]:
        """Values on which the files depend beside model and data, {name: value}."""

    def begin(self, fingerprint: dict[str, str], image_ids: Sequence[str]) -> None:
        """Prepare for a run.

        Args:
            fingerprint: {what: hash} of all that the files depend on.
            image_ids: Ids of all images of the run, in the order of the dataset.
        """


@runtime_checkable
class RecordKeeper(Protocol):
    """A ``FolderWriter`` that notes from which record each result is.

    Images may be added to its folder, changed and removed: neither their ids nor the dataset are
    part of what the folder is claimed for.
    """

    def begin_records(self, records: Iterable[Mapping[str, Any]], is_part: bool) -> None:
        """Compare the records of the run with those whose results are kept; follows ``begin``.

        Args:
            records: Records of all images.
            is_part: Whether the run has only a part of the images.
        """

    def groups(self, image_ids: Sequence[str]) -> list[int]:
        """Return the group of each image, whose images must be given to one rank."""


@runtime_checkable
class ResumableEvaluator(Protocol):
    """An evaluator that keeps results of a run that was interrupted."""

    def done_ids(self, image_ids: Sequence[str]) -> set[str]:
        """Return the images whose results are kept."""


@runtime_checkable
class PartKeeper(Protocol):
    """An evaluator whose results of some of the images another process can complete."""

    def flush(self) -> None:
        """Write all results so far."""


@runtime_checkable
class FailureKeeper(Protocol):
    """An evaluator that knows the bad records of earlier runs too."""

    @property
    def failures(self) -> Mapping[str, str]:
        """Reasons of all bad records, {image_id: reason}."""


@runtime_checkable
class RemarkKeeper(Protocol):
    """An evaluator that knows the remarks of earlier runs too."""

    @property
    def remarks(self) -> Mapping[str, str]:
        """Remarks on records that were used, {image_id: remark}."""
