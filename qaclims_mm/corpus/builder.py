"""Asking a VQA model about every image, as the model of an MMEngine test run."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.model import BaseModel

from qaclims_mm.corpus.answers import process_answer
from qaclims_mm.corpus.questions import QUESTION_GROUPS, Question, get_questions
from qaclims_mm.errors import RecordError
from qaclims_mm.schemas.class_texts import read_class_texts
from qaclims_mm.vlms.registry import MODELS, VQA_MODELS
from qaclims_mm.vlms.vqa.base import Answer, BusyModel

# of the images that wait for answers: their pixels are in memory until these have come
MOST_BYTES = 2**30


def hash_questions(questions: Sequence[Question]) -> str:
    """Return a short hash of the templates, by which a corpus tells its question set."""
    return hashlib.sha256(json.dumps([list(q) for q in questions]).encode()).hexdigest()[:16]


def _ids_of(samples: Sequence[Any]) -> tuple[str, ...]:
    return tuple(sample.image_id for sample in samples)


@MODELS.register_module()
class VQACorpusBuilder(BaseModel):
    """Asks all questions about all classes of an image; the answers go to ``CorpusWriter``.

    Args:
        vqa: Config of a model in ``VQA_MODELS``.
        question_set: ``paper`` or ``official``.
        groups: Question groups that are asked.
        lemmatize: Whether answers are lemmatized (released code).
        append_label: Whether the label completes foreground answers that lack it.
        label_test: ``words`` or ``substring`` (released code); see ``answers.contains_label``.
        aliases: {class name: other names}, which make the label needless; ``label_aliases`` of a
            sample adds those that its data set knows.

    Raises:
        ConfigError: If the aliases of a class are not a list of texts.
    """

    BY_CLASS = ('aliases',)

    def __init__(
        self,
        vqa: dict,
        question_set: str = 'paper',
        groups: Sequence[str] = QUESTION_GROUPS,
        lemmatize: bool = False,
        append_label: bool = True,
        label_test: str = 'words',
        aliases: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__()
        # the registry has no parent: in a run it would look for mmseg's scope in vain, and warn
        self.vqa = VQA_MODELS.build({'_scope_': 'mmengine', **vqa})
        self.questions = get_questions(question_set, groups)
        self.options: dict[str, Any] = dict(
            aliases=read_class_texts('aliases', aliases or {}),
            lemma=lemmatize,
            append_label=append_label,
            test=label_test,
        )
        self._loaded = False
        # {ids of the images: what waits for their answers, and the bytes of their pixels}
        self._begun: dict[tuple[str, ...], tuple[Callable[[], Any], int]] = {}

    @property
    def question_hash(self) -> str:
        """Hash of the questions asked."""
        return hash_questions(self.questions)

    def load(self) -> None:
        """Read the VQA model once, to where this model is."""
        if not self._loaded:
            self.vqa.load(str(self.data_preprocessor.device))
            self._loaded = True

    def forward(
        self, inputs: Sequence[torch.Tensor], data_samples: Sequence[Any], mode: str = 'predict'
    ) -> list[Any]:
        """Set ``answers``, the corpus rows of each image, on the samples.

        Args:
            inputs: RGB uint8, ``(3, H, W)`` each.
            data_samples: Have ``image_id`` and ``label_names``, perhaps ``label_aliases``; one with
                ``failed`` is not asked. One that the VQA model refuses gets ``failed``.
            mode: Only ``predict``.

        Raises:
            ValueError: If the mode is another one: there is nothing to train.
            TypeError: If the VQA model gives something else than answers.
        """
        if mode != 'predict':
            raise ValueError(f'VQACorpusBuilder only predicts, but mode is {mode!r}; use test.py.')
        wait, _ = self._begun.pop(_ids_of(data_samples), (None, 0))
        results = (wait or self._begin(inputs, data_samples))()
        good = [s for s in data_samples if not s.get('failed')]
        for sample, answers in zip(good, results, strict=True):
            if isinstance(answers, RecordError):
                sample.set_metainfo(dict(failed=f'{sample.img_path}: {answers}'))
            else:
                # set_metainfo would copy the rows one by one
                sample.set_field(self._rows(sample, answers), 'answers', field_type='metainfo')
        return list(data_samples)

    @property
    def is_busy(self) -> bool:
        """Whether no further batch should be begun before one is finished."""
        held = sum(size for _, size in self._begun.values())
        if held >= MOST_BYTES or not isinstance(self.vqa, BusyModel):
            return bool(self._begun)
        return self.vqa.is_busy

    def begin(self, batch: Mapping[str, Any]) -> None:
        """Begin with a batch that ``test_step`` is given later.

        Args:
            batch: ``inputs`` and ``data_samples`` as the loader gives them.
        """
        inputs, samples = batch['inputs'], batch['data_samples']
        size = sum(image.nbytes for image in inputs)
        self._begun[_ids_of(samples)] = self._begin(inputs, samples), size

    def finish(self) -> list[str]:
        """Drop what has begun, and return lines about the work."""
        self._begun.clear()
        if not isinstance(self.vqa, BusyModel):
            return []
        lines = self.vqa.summary()
        self.vqa.close()
        self._loaded = False
        return lines

    def _begin(
        self, inputs: Sequence[torch.Tensor], samples: Sequence[Any]
    ) -> Callable[[], Sequence[list[Answer] | RecordError]]:
        """Return the function that gives the answers about the images that can be used."""
        good = [(x, s) for x, s in zip(inputs, samples, strict=True) if not s.get('failed')]
        images = [np.ascontiguousarray(x.cpu().numpy().transpose(1, 2, 0)) for x, _ in good]
        asked = [[q.fill(c) for c in s.label_names for q in self.questions] for _, s in good]
        if not any(asked):
            # no reason to read weights or to need a server
            return lambda: [[] for _ in asked]
        self.load()
        if isinstance(self.vqa, BusyModel):
            return self.vqa.begin(images, asked)
        return lambda: self.vqa.answer(images, asked)

    def _rows(self, sample: Any, answers: Sequence[Any]) -> list[dict[str, Any]]:
        wrong = [a for a in answers if not isinstance(a, Answer)]
        if wrong:
            raise TypeError(
                f'{type(self.vqa).__name__}.answer must give an Answer for each question, '
                f'but gave {wrong[0]!r}.'
            )
        asked = [(c, q) for c in sample.label_names for q in self.questions]
        known = sample.get('label_aliases') or {}
        options = self.options | dict(aliases={**self.options['aliases'], **known})
        return [
            dict(
                image_id=sample.image_id,
                class_name=class_name,
                kind=question.kind,
                question_id=question.id,
                question=question.fill(class_name),
                answer=answer.text,
                text=process_answer(answer.text, question.kind, class_name, **options),
                score=answer.score,
            )
            for (class_name, question), answer in zip(asked, answers, strict=True)
        ]
