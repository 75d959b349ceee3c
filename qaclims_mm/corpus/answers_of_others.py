"""Answers about another image in the place of those about the image."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from mmengine.registry import TRANSFORMS

from qaclims_mm.corpus.answers import contains_label
from qaclims_mm.corpus.edits import rows_by_class
from qaclims_mm.corpus.store import Rows, VQACorpus
from qaclims_mm.errors import ConfigError, DataError

KINDS = ('fg', 'bg')
Pair = tuple[str, str]


@TRANSFORMS.register_module()
class AnswersOfOthers:
    """Gives each pair of image and class the answers about another pair.

    The pairs stand in a ring, in the order of a hash of seed, image id and class name, and each
    gets the answers of the next one. So all answers stay, each about one other pair, and which one
    depends on the seed and the pairs of the corpus alone.

    Args:
        same_class: Whether each class has a ring of its own; then the answers are about another
            image of the class. Otherwise one ring has all pairs, and answers that name the class of
            the pair that gets them become empty.
        kinds: The answers that are exchanged, ``fg`` or ``bg`` or both.
        seed: Number that the order depends on.

    Raises:
        ConfigError: If a kind is unknown.
    """

    def __init__(
        self, same_class: bool = True, kinds: Sequence[str] = KINDS, seed: int = 0
    ) -> None:
        if not kinds or set(kinds) - set(KINDS):
            raise ConfigError(f'kinds must be among {KINDS}, but got {kinds!r}.')
        self.same_class, self.kinds, self.seed = same_class, tuple(kinds), seed
        self._corpus: VQACorpus | None = None
        self._next: dict[Pair, Pair] = {}

    def prepare(self, corpus: VQACorpus) -> None:
        """Order all pairs of a corpus.

        Raises:
            DataError: If a ring has one pair alone.
        """
        rings: defaultdict[str, list[Pair]] = defaultdict(list)
        for image_id, rows in corpus.by_shard():
            for class_name in dict.fromkeys(row['class_name'] for row in rows):
                rings[class_name if self.same_class else ''].append((image_id, class_name))
        for ring in rings.values():
            ring.sort(key=self._place)
            if len(ring) == 1:
                raise DataError(
                    f'{corpus.folder} has one image with {ring[0][1]!r} alone, so there are no '
                    'answers about another one; leave the class out, or set same_class=False.'
                )
            self._next.update(zip(ring, [*ring[1:], ring[0]], strict=True))
        self._corpus = corpus

    def _place(self, pair: Pair) -> bytes:
        # the lengths keep pairs apart whose names are alike when joined
        words = [str(self.seed), *pair]
        text = ''.join(f'{len(word)}:{word}' for word in words)
        return hashlib.sha256(text.encode()).digest()

    def __call__(self, rows: Rows) -> Rows:
        """Return the rows of one image, those of ``kinds`` with the answers about other pairs.

        Raises:
            ConfigError: If no corpus has been prepared.
        """
        return [row for pair in rows_by_class(rows) for row in self._edited(pair)]

    def _edited(self, pair: Rows) -> Rows:
        if self._corpus is None:
            raise ConfigError('AnswersOfOthers has no corpus; call prepare(corpus) first.')
        image_id, class_name = pair[0]['image_id'], pair[0]['class_name']
        other, name = self._next[image_id, class_name]
        given = {
            row['question_id']: row
            for row in self._corpus[other]
            if row['class_name'] == name and row['kind'] in self.kinds
        }
        return [
            row | _answer_of(given.get(row['question_id']), class_name)
            if row['kind'] in self.kinds
            else row
            for row in pair
        ]


def _answer_of(row: dict[str, Any] | None, class_name: str) -> dict[str, Any]:
    """Return the answer of a row for a pair of a class; an empty one if it does not fit."""
    if row is None:
        return dict(answer='', text='', score=0.0)
    is_named = row['class_name'] != class_name and contains_label(row['text'], [class_name.lower()])
    return dict(answer=row['answer'], text='' if is_named else row['text'], score=row['score'])
