"""Answers that know the class and not the image, to compare those of a VQA model with."""

from collections.abc import Mapping, Sequence

import numpy as np

from qaclims_mm.corpus.questions import QUESTION_SETS
from qaclims_mm.errors import ConfigError
from qaclims_mm.schemas.class_texts import read_class_texts
from qaclims_mm.vlms.registry import VQA_MODELS
from qaclims_mm.vlms.vqa.base import Answer, check_lengths


@VQA_MODELS.register_module()
class FixedAnswers:
    """Answers each question by a list of its class, as CLIMS's fixed texts are.

    Questions about the class are answered by its name, those about what is around it by the texts
    of its list in turn.

    Args:
        answers: {class: texts of what is around it}.
        question_set: As in ``VQACorpusBuilder``.

    Raises:
        ConfigError: If a class has no list of texts, or an empty one.
    """

    BY_CLASS = ('answers',)

    def __init__(self, answers: Mapping[str, Sequence[str]], question_set: str = 'paper') -> None:
        self._answers: dict[str, str] = {}
        for name, texts in read_class_texts('answers', answers).items():
            if not texts:
                raise ConfigError(f'answers must have a text for each class, but {name} has none.')
            asked = QUESTION_SETS[question_set]
            around = [q for q in asked if q.kind == 'bg']
            self._answers |= {q.fill(name): name for q in asked}
            self._answers |= {q.fill(name): texts[k % len(texts)] for k, q in enumerate(around)}

    def load(self, device: str = 'cpu') -> None:
        """Read nothing."""

    def answer(
        self, images: Sequence[np.ndarray], questions_per_image: Sequence[Sequence[str]]
    ) -> list[list[Answer]]:
        """Answer every question, in order; surely, so the scores are 0.

        Raises:
            ValueError: If there are not as many lists of questions as images.
            ConfigError: If a question is none about a class of the list.
        """
        check_lengths(images, questions_per_image)
        return [[self._find(q) for q in questions] for questions in questions_per_image]

    def _find(self, question: str) -> Answer:
        if question not in self._answers:
            raise ConfigError(
                f'there is no fixed answer to {question!r}; answers must have the texts of all '
                'classes, under the names that the questions have.'
            )
        return Answer(self._answers[question], 0.0)
