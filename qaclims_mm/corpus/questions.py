"""The question templates of the paper's table 6 and those of the released code."""

from collections.abc import Iterable
from typing import NamedTuple


class Question(NamedTuple):
    """A template with ``{class}``; ``id`` names it in the corpus, ``kind`` is ``fg`` or ``bg``."""

    id: str
    kind: str
    template: str

    def fill(self, class_name: str) -> str:
        """Return the question about ``class_name``."""
        return self.template.replace('{class}', class_name)


# Order: foreground, then background, each group in the order of table 6; the spelling is the
# paper's.
_PAPER = {
    'fine_1': 'What kind of {class} is in the photo?',
    'fine_2': 'What type of {class} is in the photo?',
    'alias_1': 'What is this {class} also called?',
    'alias_2': 'What is this {class} usually called?',
    'alias_3': 'What is another word for this {class}?',
    'alias_4': 'What is another name for this {class}?',
    'object_1': 'What is above the {class}?',
    'object_2': 'What is under the {class}?',
    'object_3': 'What is behind the {class}?',
    'object_4': 'What is around the {class}?',
    'object_5': 'What is next to the {class}?',
    'object_6': 'What is the left side of {class}?',
    'object_7': 'What is the right side of {class}?',
    'scene_1': 'What scene is the {class} in?',
    'scene_2': 'What enviroment is the {class} in?',  # codespell:ignore enviroment
    'scene_3': 'What place is the {class} in?',
}
# The released code asks the background questions in lower case and spells "environment" as the
# dictionary does.
_OFFICIAL = {
    key: text if key.startswith(('fine', 'alias')) else text[0].lower() + text[1:]
    for key, text in {**_PAPER, 'scene_2': 'What environment is the {class} in?'}.items()
}
QUESTION_SETS = {
    name: tuple(
        Question(key, 'fg' if key.startswith(('fine', 'alias')) else 'bg', text)
        for key, text in templates.items()
    )
    for name, templates in (('paper', _PAPER), ('official', _OFFICIAL))
}
BACKGROUND_GROUPS = ('object', 'scene')
QUESTION_GROUPS = ('fine', 'alias', *BACKGROUND_GROUPS)


def get_questions(
    question_set: str = 'paper', groups: Iterable[str] = QUESTION_GROUPS
) -> tuple[Question, ...]:
    """Return the templates of a set, kept to some groups.

    Args:
        question_set: ``paper`` (table 6 word for word) or ``official`` (visual_questions.py of the
            release).
        groups: Any of ``fine``, ``alias``, ``object`` and ``scene`` (table 5 of the paper).

    Returns:
        The templates in table order, 16 for all groups: 6 foreground, then 10 background.

    Raises:
        ValueError: If the set or a group is unknown.
    """
    if question_set not in QUESTION_SETS:
        raise ValueError(
            f'question_set must be one of {sorted(QUESTION_SETS)}, but got {question_set!r}.'
        )
    groups = tuple(groups)
    unknown = sorted(set(groups) - set(QUESTION_GROUPS))
    if unknown:
        raise ValueError(f'groups must be among {QUESTION_GROUPS}, but got {unknown}.')
    return tuple(q for q in QUESTION_SETS[question_set] if q.id.split('_')[0] in groups)
