"""The question templates of the paper's table 6 and those of the released code."""

from collections.abc import Iterable, Mapping
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
# About what the paper's introduction says that plain VQA prompts dwell on; part of no set
_LOW_LEVEL = {
    'color_1': 'What color is the {class}?',
    'color_2': 'What is the color of the {class}?',
    'texture_1': 'What texture does the {class} have?',
    'texture_2': 'What pattern does the {class} have?',
}
# A sentence about the object; part of no set. VQA models answer it by a few words, chat models by
# the beginning of a sentence, of which vqa_text.py keeps more words than of other answers.
_CAPTION = {'caption_1': 'Describe the {class} in the image.'}
BACKGROUND_GROUPS = ('object', 'scene')
QUESTION_GROUPS = ('fine', 'alias', *BACKGROUND_GROUPS)
ALL_GROUPS = (*QUESTION_GROUPS, 'color', 'texture', 'caption')


def _as_questions(templates: Mapping[str, str]) -> tuple[Question, ...]:
    return tuple(
        Question(key, 'bg' if key.startswith(BACKGROUND_GROUPS) else 'fg', text)
        for key, text in templates.items()
    )


QUESTION_SETS = {'paper': _as_questions(_PAPER), 'official': _as_questions(_OFFICIAL)}
# of no set
FURTHER = _as_questions({**_LOW_LEVEL, **_CAPTION})


def get_questions(
    question_set: str = 'paper', groups: Iterable[str] = QUESTION_GROUPS
) -> tuple[Question, ...]:
    """Return the templates of a set, kept to some groups.

    Args:
        question_set: ``paper`` (table 6 word for word) or ``official`` (visual_questions.py of the
            release).
        groups: Any of ``fine``, ``alias``, ``object`` and ``scene`` (table 5 of the paper), and of
            ``color``, ``texture`` and ``caption``, which are the same in all sets.

    Returns:
        The templates in table order, 16 by default: 6 foreground, then 10 background. Those about
        color and texture and the caption, of the foreground too, come last.

    Raises:
        ValueError: If the set or a group is unknown.
    """
    if question_set not in QUESTION_SETS:
        raise ValueError(
            f'question_set must be one of {sorted(QUESTION_SETS)}, but got {question_set!r}.'
        )
    groups = tuple(groups)
    unknown = sorted(set(groups) - set(ALL_GROUPS))
    if unknown:
        raise ValueError(f'groups must be among {ALL_GROUPS}, but got {unknown}.')
    questions = (*QUESTION_SETS[question_set], *FURTHER)
    return tuple(q for q in questions if q.id.split('_')[0] in groups)
