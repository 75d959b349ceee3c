"""Prompt a segmenter with class names, aliases and answers.

Shapes: P present classes of an image of H by W pixels.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from qaclims_mm.errors import ConfigError, RecordError
from qaclims_mm.functional.prompt_masks import MERGES, find_unusable, merge_prompts
from qaclims_mm.ranges import check_shares
from qaclims_mm.registry import PROMPTED_SEGMENTERS
from qaclims_mm.schemas.class_texts import read_class_texts
from qaclims_mm.schemas.names import shown_text
from qaclims_mm.vlms.segment.base import segment_texts


class ClassMasks(NamedTuple):
    """The masks of the classes of an image.

    ``masks`` is float32 ``(P, H, W)`` in [0, 1]. ``problems`` has one string per class: the reason
    why its mask cannot be right, or ''. ``background`` is the probability of the things that the
    background answers name, ``(H, W)``; 0 without such answers.
    """

    masks: Tensor
    problems: list[str]
    background: Tensor


class Prompting:
    """Segments the classes of an image with a prompted segmenter.

    Args:
        segmenter: Config of a model in ``PROMPTED_SEGMENTERS``.
        prompt: Template of every text, which contains ``{text}``.
        aliases: {class: other names}; ``label_aliases`` of a sample are added to them.
        foreground_answers: Whether the foreground answers of a sample are prompts of their class.
        background_answers: Whether the background answers of a sample are prompts of the
            background.
        merge: Rule that merges the prompts of a class, see ``merge_prompts``.
        min_score: Lowest score of a class that counts as found, in [0, 1].
        min_area: Lowest share of the image that a class must cover to count as found, in [0, 1].
        max_area: Share of the image above which a class counts as found nearly everywhere, in
            [0, 1].

    Raises:
        ConfigError: If an option is out of its range, ``prompt`` lacks ``{text}``, or the aliases
            of a class are not a list of texts.
    """

    def __init__(
        self,
        segmenter: dict,
        prompt: str = '{text}',
        aliases: Mapping[str, Sequence[str]] | None = None,
        foreground_answers: bool = False,
        background_answers: bool = False,
        merge: str = 'max',
        min_score: float = 0.2,
        min_area: float = 0.001,
        max_area: float = 0.9,
    ) -> None:
        if '{text}' not in prompt:
            raise ConfigError(f'prompt must have {{text}} in it, but got {prompt!r}.')
        if merge not in MERGES:
            raise ConfigError(f'merge must be one of {MERGES}, but got {merge!r}.')
        limits = dict(min_score=min_score, min_area=min_area, max_area=max_area)
        check_shares(**limits)
        if min_area >= max_area:
            raise ConfigError(
                f'min_area must be below max_area, but got {min_area} and {max_area}.'
            )
        self.prompt, self.aliases = prompt, read_class_texts('aliases', aliases or {})
        self.foreground_answers = foreground_answers
        self.background_answers = background_answers
        self.merge, self.limits = merge, limits
        self.segmenter = PROMPTED_SEGMENTERS.build({'_scope_': 'mmengine', **segmenter})
        self._loaded = False

    def texts_of(self, sample: Any) -> tuple[list[list[str]], list[str]]:
        """Return the texts of each class of a sample, P lists, and those of its background.

        Args:
            sample: Has ``label_names``, optionally ``label_aliases``, and ``answers`` if they are
                used.

        Raises:
            ConfigError: If answers are used and the sample has none.
        """
        names, known = sample.label_names, sample.get('label_aliases') or {}
        answers = self._answers_of(sample)
        foreground: list[list[str]] = []
        background: list[str] = []
        for name in names:
            others = {n.lower() for n in names if n != name}
            fine, around = answers.get(name, ((), ()))
            texts = (name, *self.aliases.get(name, ()), *known.get(name, ()))
            if self.foreground_answers:
                texts = (*texts, *(t for t in fine if t.lower() not in others))
            foreground.append(list(dict.fromkeys(texts)))
            if self.background_answers:
                background += around
        return foreground, list(dict.fromkeys(background))

    def _answers_of(self, sample: Any) -> Mapping[str, tuple[Sequence[str], Sequence[str]]]:
        if not (self.foreground_answers or self.background_answers):
            return {}
        answers = sample.get('answers')
        if answers is None:
            raise ConfigError(
                'the prompts need the answers of the corpus, but the sample has none; put '
                'LoadAnswers before PackWeakInputs in the pipeline.'
            )
        return answers

    def class_masks(
        self, image: Tensor, sample: Any, device: str | torch.device
    ) -> ClassMasks | None:
        """Segment the classes of an image, which is encoded once.

        Args:
            image: RGB uint8, ``(3, H, W)``.
            sample: Has ``label_names``, see ``texts_of``.
            device: Device of the model.

        Returns:
            Masks of the classes in the order of ``label_names``, on the model's device; ``None`` if
            the model makes no masks of this image, which ``failed`` of the sample explains then.

        Raises:
            ConfigError: If the model gives masks of another size.
        """
        if not self._loaded:
            self.segmenter.load(device)
            self._loaded = True
        foreground, background = self.texts_of(sample)
        texts = list(dict.fromkeys([*(t for ts in foreground for t in ts), *background]))
        row = {text: number for number, text in enumerate(texts)}
        pixels = np.ascontiguousarray(image.cpu().numpy().transpose(1, 2, 0))
        prompted = [self.prompt.replace('{text}', text) for text in texts]
        try:
            found = segment_texts(self.segmenter, pixels, prompted)
        except RecordError as error:
            sample.set_metainfo(dict(failed=f'{sample.img_path}: {error}'))
            return None
        rows = [[row[t] for t in ts] for ts in foreground]
        masks, scores = merge_prompts(*found, rows, self.merge)
        around = [row[t] for t in background]
        weighted = found.masks[around] * found.scores[around, None, None]
        behind = weighted.amax(0) if around else masks.new_zeros(image.shape[-2:])
        return ClassMasks(masks, find_unusable(masks, scores, **self.limits), behind)


def remark_of(names: Sequence[str], problems: Sequence[str]) -> str:
    """Return one line about the classes whose masks cannot be right; '' if there are none."""
    pairs = zip(names, problems, strict=True)
    return '; '.join(f'{shown_text(name)} {problem}' for name, problem in pairs if problem)
