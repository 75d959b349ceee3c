"""The interface of text-prompted segmenters.

Shapes: H W pixels of an image, T texts.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from qaclims_mm.errors import ConfigError, RecordError
from qaclims_mm.schemas.names import counted


class TextMasks(NamedTuple):
    """The masks of texts in one image.

    ``masks`` is float32 ``(T, H, W)`` in [0, 1], the probability that each pixel belongs to each
    text. ``scores`` is float32 ``(T,)`` in [0, 1], the confidence of the model that the image shows
    the text at all.
    """

    masks: Tensor
    scores: Tensor


class PromptedSegmenter(Protocol):
    """The interface of the models in ``PROMPTED_SEGMENTERS``."""

    def load(self, device: str | torch.device) -> None:
        """Read the weights onto ``device``; the constructor reads no weights."""

    def segment(self, image: np.ndarray, texts: Sequence[str]) -> TextMasks:
        """Segment every text, in order, in an RGB uint8 image ``(H, W, 3)``.

        The image is encoded once whatever the number of texts.
        """


def segment_texts(
    segmenter: PromptedSegmenter, image: np.ndarray, texts: Sequence[str]
) -> TextMasks:
    """Segment texts with a loaded model, and check its input and its output.

    Args:
        segmenter: Model after a call of ``load``.
        image: RGB uint8, ``(H, W, 3)``.
        texts: T prompts; without any, the model is not called.

    Returns:
        Masks and scores, on the model's device.

    Raises:
        ValueError: If the image is no RGB uint8 array or a text is blank.
        ConfigError: If the masks or the scores of the model have another shape.
        RecordError: If a mask or a score is NaN or outside [0, 1].
    """
    check_input(image, texts)
    if not texts:
        return TextMasks(torch.zeros(0, *image.shape[:2]), torch.zeros(0))
    found = segmenter.segment(image, texts)
    check_output(type(segmenter).__name__, found, (len(texts), *image.shape[:2]))
    return found


def check_input(image: np.ndarray, texts: Sequence[str]) -> None:
    """Check an image and its prompts.

    Raises:
        ValueError: If the image is not an RGB uint8 array or a text is blank.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(
            f'the image must be RGB uint8 (H, W, 3), but got {image.dtype} {image.shape}.'
        )
    for number, text in enumerate(texts):
        if not text.strip():
            raise ValueError(f'texts must not be blank, but number {number} of {len(texts)} is.')


def check_output(model: str, found: TextMasks, shape: tuple[int, int, int]) -> None:
    """Check the masks and the scores that a model returned.

    Args:
        model: Name of the model, for the message.
        found: Output of the model.
        shape: Expected shape of the masks: texts, height and width.

    Raises:
        ConfigError: If a shape differs, as it would for each image.
        RecordError: If a value is NaN or outside [0, 1].
    """
    texts, *size = shape
    if tuple(found.masks.shape) != shape:
        raise ConfigError(
            f'{model} must return masks ({texts}, {size[0]}, {size[1]}) for '
            f'{counted(texts, "text")} and an image of {size[1]} x {size[0]} px, but returned '
            f'{tuple(found.masks.shape)}; resize them to the image.'
        )
    if tuple(found.scores.shape) != (texts,):
        raise ConfigError(
            f'{model} must return one score per text, ({texts},), but returned '
            f'{tuple(found.scores.shape)}.'
        )
    for name, values in found._asdict().items():
        # a comparison with NaN is false
        if not bool(((values >= 0) & (values <= 1)).all()):
            raise RecordError(
                f'{model} must return {name} in [0, 1], but some are outside or NaN; apply the '
                'sigmoid, and use float32 if they overflow.'
            )
