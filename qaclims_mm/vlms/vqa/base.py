"""What every VQA model takes and gives."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np


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
    ) -> list[list[Answer]]:
        """Answer every question, in order; images are RGB uint8 ``(H, W, 3)``."""


def check_lengths(images: Sequence[Any], questions_per_image: Sequence[Any]) -> None:
    """Check that there are as many lists of questions as images.

    Raises:
        ValueError: If the numbers differ.
    """
    if len(images) != len(questions_per_image):
        raise ValueError(
            f'there must be one list of questions an image, but got {len(images)} images and '
            f'{len(questions_per_image)} lists.'
        )
