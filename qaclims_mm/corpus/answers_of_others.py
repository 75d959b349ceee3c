"""Replace the answers about an image by answers about another image."""

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
    """Gives each pair of image and class the answers of another pair.

    The pairs form a ring, in the order of a hash of the seed, the image id and the class name. Each
    pair gets the answers of the next pair, so every answer is used once. The result depends on the
    seed and the pairs of the corpus only.

    Args:
        same_class: Whether each class has its own ring, so that the answers are about another image
            of the same class. Otherwise all pairs form one ring, and an answer that names the class
            of the pair that gets it becomes empty.
        kinds: Kinds of answers that are exchanged: ``fg``, ``bg`` or both.
        seed: Seed of the order.

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
            DataError: If a ring has a single pair.
        """
        rings: defaultdict[str, list[Pair]] = defaultdict(list)
        for image_id, rows in corpus.by_shard():
            for class_name in dict.fromkeys(row['class_name'] for row in rows):
                rings[class_name if self.same_class else ''].append((image_id, class_name))
        for ring in rings.values():
            ring.sort(key=self._place)
            if len(ring) == 1:
                raise DataError(
                    f'{corpus.folder} has only one image with {ring[0][1]!r}, so no other image '
                    'can give it answers; remove the class, or set same_class=False.'
                )
            self._next.update(zip(ring, [*ring[1:], ring[0]], strict=True))
        self._corpus = corpus

    def _place(self, pair: Pair) -> bytes:
        # the lengths keep pairs apart whose names are alike when joined
        words = [str(self.seed), *pair]
        text = ''.join(f'{len(word)}:{word}' for word in words)
        return hashlib.sha256(text.encode()).digest()

    def __call__(self, rows: Rows) -> Rows:
        """Return the rows of one image; those of ``kinds`` get the answers of other pairs.

        Raises:
            ConfigError: If ``prepare`` was not called.
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
    """Return the answer of a row for a pair of a class; an empty answer if it does not fit."""
    if row is None:
        return dict(answer='', text='', score=0.0)
    is_named = row['class_name'] != class_name and contains_label(row['text'], [class_name.lower()])
    return dict(answer=row['answer'], text='' if is_named else row['text'], score=row['score'])
