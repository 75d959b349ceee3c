"""Texts that a config gives: one text per class, and background texts.

Shapes: K classes, N background texts, T distinct texts, D embedding.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from qaclims_mm.errors import ConfigError
from qaclims_mm.registry import MODELS
from qaclims_mm.schemas.class_texts import check_known_classes, read_class_texts, read_texts


class FixedTexts:
    """The distinct texts of all classes, and the rows of each class among them.

    Args:
        class_names: Class names without the background, in the order of the labels.
        background_texts: One list for all classes, or ``{class: list}``; a class without a list has
            no background texts.
        class_texts: ``{class: text}`` for classes whose text is not their name.
        prompt: Template of every text, which contains ``{text}``.

    Attributes:
        prompted: The T texts in their prompt.
        label_rows: Row of the text of each class, K.
        background_rows: Rows of the background texts of each class, ``(K, N)``; -1 is none.

    Raises:
        ConfigError: If texts are given to a class that is not in ``class_names``, ``prompt`` lacks
            ``{text}``, or background texts are not a list.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        background_texts: Sequence[str] | Mapping[str, Sequence[str]],
        class_texts: Mapping[str, str] | None = None,
        prompt: str = 'a photo of {text}.',
    ) -> None:
        if '{text}' not in prompt:
            raise ConfigError(f'prompt must have {{text}} in it, but got {prompt!r}.')
        if isinstance(background_texts, Mapping):
            listed = read_class_texts('background_texts', background_texts)
        else:
            texts = read_texts('background_texts', background_texts)
            listed = dict.fromkeys(class_names, texts)
        check_known_classes('class_texts', class_texts or {}, class_names)
        check_known_classes('background_texts', listed, class_names)
        labels = [(class_texts or {}).get(name, name) for name in class_names]
        backgrounds = [listed.get(name, ()) for name in class_names]
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
            present: Indices of the classes in the image; their rows come first.
        """
        labels = [self.label_rows[k] for k in present]
        backgrounds = [row for k in present for row in self.background_rows[k] if row >= 0]
        # a background of one class may be another class that is there
        return labels + list(dict.fromkeys(b for b in backgrounds if b not in labels))

    def encode(self, text_head: dict, image_head: Any) -> Tensor:
        """Return the L2-normalised CLIP embeddings of the texts, ``(T, D)``.

        Args:
            text_head: Config of a ``CLIPTextHead`` or ``HFTextHead``, which is not kept.
            image_head: Image encoder; its weights are read as well.

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
