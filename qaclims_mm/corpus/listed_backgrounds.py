"""Replace background answers by the texts of fixed lists."""

from collections.abc import Mapping, Sequence
from itertools import cycle

from mmengine.registry import TRANSFORMS

from qaclims_mm.corpus.edits import rows_by_class
from qaclims_mm.corpus.store import Rows, VQACorpus
from qaclims_mm.errors import ConfigError
from qaclims_mm.schemas.class_texts import read_class_texts

CHOICES = ('class', 'class_if_answered', 'answered')


@TRANSFORMS.register_module()
class ListedBackgrounds:
    """Replaces the background answers about an object by the texts of a list, one after the other.

    Args:
        lists: {class: texts about the usual background of the class}, as in ``FixedAnswers``.
        choice: Rule that selects the list of a pair of image and class. ``class`` selects the list
            of the class. ``class_if_answered`` selects it only if one of its texts is among the
            answers of the pair. ``answered`` selects the list, of any class, that has the most of
            these answers. A pair without a list gets no background text, and none of its regions
            is matched with texts.
        half: Whether only every second answer is replaced, beginning with the first.

    Raises:
        ConfigError: If a class has no list of texts, or an empty one, or ``choice`` is unknown.
    """

    BY_CLASS = ('lists',)

    def __init__(
        self, lists: Mapping[str, Sequence[str]], choice: str = 'class', half: bool = False
    ) -> None:
        if choice not in CHOICES:
            raise ConfigError(f'choice must be one of {CHOICES}, but got {choice!r}.')
        self.lists = read_class_texts('lists', lists)
        empty = [name for name, texts in self.lists.items() if not texts]
        if empty:
            raise ConfigError(f'lists must have a text for each class, but {empty[0]!r} has none.')
        self.choice, self.step = choice, 2 if half else 1

    def prepare(self, corpus: VQACorpus) -> None:
        """Do nothing; the lists need no data of the corpus."""

    def __call__(self, rows: Rows) -> Rows:
        """Return the rows of one image with listed texts instead of background answers.

        Raises:
            ConfigError: If a class of the image has no list.
        """
        return [row for pair in rows_by_class(rows) for row in self._edited(pair)]

    def _edited(self, pair: Rows) -> Rows:
        places = [place for place, row in enumerate(pair) if row['kind'] == 'bg']
        answered = [pair[place]['text'] for place in places]
        texts = cycle(self._choose(pair[0]['class_name'], answered) or [''])
        new = {place: next(texts) for place in places[:: self.step]}
        return [
            row | dict(answer=new[place], text=new[place], score=0.0) if place in new else row
            for place, row in enumerate(pair)
        ]

    def _choose(self, class_name: str, answered: Sequence[str]) -> Sequence[str]:
        if class_name not in self.lists:
            raise ConfigError(
                f'there is no list for {class_name!r}; lists must have all classes, under their '
                'names in the corpus.'
            )
        if self.choice == 'class':
            return self.lists[class_name]
        found = {name: sum(map(texts.count, answered)) for name, texts in self.lists.items()}
        name = max(found, key=found.__getitem__) if self.choice == 'answered' else class_name
        return self.lists[name] if found[name] else ()
