"""What every VQA model takes and gives."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np


class Answer(NamedTuple):
    """An answer; ``score`` is the sum of the tokens' log-probabilities (nats) divided by their number."""

    text: str
    score: float


class VQAModel(Protocol):
    """The interface of a model registered in ``VQA_MODELS``."""

    def load(self, device: str) -> None:
        """Read the weights and move them to ``device``; building the object itself reads nothing."""

    def answer(
        self, images: Sequence[np.ndarray], questions_per_image: Sequence[Sequence[str]]
    ) -> list[list[Answer]]:
        """Answer every question; images are RGB uint8 ``(H, W, 3)`` of any size, order is kept."""
