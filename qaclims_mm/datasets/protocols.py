"""Interfaces that datasets and samplers expect of others; a class implements one by its members."""

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class ImageList(Protocol):
    """A dataset that knows the ids of its images without reading one."""

    def __len__(self) -> int:
        """Return the number of images."""

    def image_ids(self) -> list[str]:
        """Return the ids in the order of the dataset."""


@runtime_checkable
class RecordList(Protocol):
    """A dataset that knows its records without reading an image."""

    def iterate_records(self) -> Iterable[dict]:
        """Yield the records in the order of the dataset."""


@runtime_checkable
class RecordChecker(Protocol):
    """A transform that checks all records when its dataset is opened."""

    def check_records(self, records: Iterable[dict]) -> None:
        """Check the records.

        Raises:
            DataError: If the run cannot use them.
        """


@runtime_checkable
class ClassChecker(Protocol):
    """A transform that checks the classes of its files when its dataset is opened."""

    def check_classes(self, classes: Sequence[str]) -> None:
        """Check the class names of the dataset, without the background.

        Raises:
            DataError: If the files are of other classes.
        """


@runtime_checkable
class ImageReader(Protocol):
    """A transform that reads image files."""

    def read(self, path: str) -> tuple[np.ndarray, tuple[int, int]]:
        """Return an image, RGB uint8 ``(H, W, 3)``, and height and width of its file."""


@runtime_checkable
class MaskCorrector(Protocol):
    """A transform that reads masks, some of which a person has corrected."""

    def is_corrected(self, image_id: str) -> bool:
        """Tell whether a person has corrected the mask of an image."""
