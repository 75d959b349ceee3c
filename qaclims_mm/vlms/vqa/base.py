"""What every VQA model takes and gives."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from qaclims_mm.errors import RecordError
from qaclims_mm.schemas.names import counted


class Answer(NamedTuple):
    """An answer; ``score`` is the mean log-probability of its tokens, in nats."""

    text: str
    score: float


class VQAModel(Protocol):
    """What ``VQA_MODELS`` holds."""

    def load(self, device: str) -> None:
        """Read the weights, move them to ``device``; building the object reads nothing."""

    def answer(
        self, images: Sequence[np.ndarray], questions_per_image: Sequence[Sequence[str]]
    ) -> Sequence[list[Answer] | RecordError]:
        """Answer every question, in order; images are RGB uint8 ``(H, W, 3)``.

        In the place of the answers about an image may stand the error that it cannot be used.
        """


@runtime_checkable
class BusyModel(Protocol):
    """A VQA model that begins with further images while it is waited for others."""

    @property
    def is_busy(self) -> bool:
        """Whether it has enough to do."""

    def begin(
        self, images: Sequence[np.ndarray], questions_per_image: Sequence[Sequence[str]]
    ) -> Callable[[], Sequence[list[Answer] | RecordError]]:
        """Begin to answer, and return the function that waits for what ``answer`` returns."""

    def summary(self) -> list[str]:
        """Return lines about the work so far."""

    def close(self) -> None:
        """Drop what is not answered."""


def check_lengths(images: Sequence[Any], questions_per_image: Sequence[Any]) -> None:
    """Check that there are as many lists of questions as images.

    Raises:
        ValueError: If the numbers differ.
    """
    if len(images) != len(questions_per_image):
        raise ValueError(
            'there must be one list of questions an image, but got '
            f'{counted(len(images), "image")} and {counted(len(questions_per_image), "list")}.'
        )
