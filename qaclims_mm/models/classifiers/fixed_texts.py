"""Texts that a config gives: one text per class, and background texts.

Shapes: K classes, N background texts, T distinct texts, D embedding.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from qaclims_mm.errors import ConfigError
from qaclims_mm.registry import MODELS


class FixedTexts:
    """The distinct texts and the rows of each class among them.

    Args:
        class_names: Classes without the background, in the order of the labels.
        background_texts: One list for all classes, or ``{class: list}``, where a class that is not
            named has none.
        class_texts: ``{class: text}`` of classes that the texts call by another name.
        prompt: Made of every text, with ``{text}`` in it.

    Attributes:
        prompted: The T texts in their prompt.
        label_rows: Of each class's text, K.
        background_rows: ``(K, N)``, -1 = none.

    Raises:
        ValueError: If a text is given to another class, ``prompt`` lacks ``{text}``, or a text
            stands for a list.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        background_texts: Sequence[str] | Mapping[str, Sequence[str]],
        class_texts: Mapping[str, str] | None = None,
        prompt: str = 'a photo of {text}.',
    ) -> None:
        if '{text}' not in prompt:
            raise ValueError(f'prompt must have {{text}} in it, but got {prompt!r}.')
        if not isinstance(background_texts, Mapping):
            background_texts = dict.fromkeys(class_names, background_texts)
        _check_classes(class_names, 'class_texts', class_texts or {})
        _check_classes(class_names, 'background_texts', background_texts)
        labels = [(class_texts or {}).get(name, name) for name in class_names]
        backgrounds = [background_texts.get(name, ()) for name in class_names]
        single = [texts for texts in backgrounds if isinstance(texts, str)]
        if single:
            raise ValueError(f'background_texts must be lists of texts, but got {single[0]!r}.')
        words = list(dict.fromkeys([*labels, *(text for texts in backgrounds for text in texts)]))
        row, width = (
            {word: i for i, word in enumerate(words)},
            max(map(len, backgrounds), default=0),
        )
        self.prompted = [prompt.replace('{text}', word) for word in words]
        self.label_rows = [row[word] for word in labels]
        self.background_rows = [
            [row[t] for t in texts] + [-1] * (width - len(texts)) for texts in backgrounds
        ]

    def competing_rows(self, present: Sequence[int]) -> list[int]:
        """Return the rows of the texts that compete for an image, each once.

        Args:
            present: Classes of the image, whose rows come first.
        """
        labels = [self.label_rows[k] for k in present]
        backgrounds = [row for k in present for row in self.background_rows[k] if row >= 0]
        # a background of one class may be another class that is there
        return labels + list(dict.fromkeys(b for b in backgrounds if b not in labels))

    def encode(self, text_head: dict, image_head: Any) -> Tensor:
        """Return the texts as CLIP reads them, L2-normalised, ``(T, D)``.

        Args:
            text_head: Config of a ``CLIPTextHead`` or ``HFTextHead``; it is dropped afterwards.
            image_head: The image encoder, which is read too.

        Raises:
            ConfigError: If the two are of different CLIPs.
        """
        head = MODELS.build(text_head).load()
        image_head.load()
        if head.weights_sha256 != image_head.weights_sha256:
            raise ConfigError(
                f'text_head {head.model} ({head.weights_sha256[:8]}) and image_head '
                f'{image_head.model} ({image_head.weights_sha256[:8]}) must be of one '
                'CLIP; give both the same model and pretrained.'
            )
        # a copy: those made in inference mode take no part in training
        return head.encode(self.prompted).clone()


def _check_classes(class_names: Sequence[str], name: str, texts: Mapping[str, Any]) -> None:
    """Check what is given by class."""
    unknown = sorted(set(texts) - set(class_names))
    if unknown:
        raise ValueError(f'{name} must be of classes in class_names, but also names {unknown}.')
