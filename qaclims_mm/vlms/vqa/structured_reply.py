"""Ask several questions by one prompt, and read the answers in the structured reply.

The reply is a JSON object whose keys are the numbers of the questions. Models break JSON in many
ways. A question without an unambiguous answer gets ``None``, and ``ServedVQA`` asks it again.
"""

import json
import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

PROMPT = (
    'Answer each question about the image in English with a single word or phrase. Reply with one '
    'JSON object of {number} strings and nothing else: {{"1": "...", "2": "..."}}. Use an empty '
    'string where the image does not show the answer.\n{questions}'
)
# tokens of an entry beside its answer: key, quotes and comma
TOKENS_OF_ENTRY = 8
# an endless reply is not read to its end
MAX_CHARACTERS = 20_000
# brackets within brackets; the answers of a sensible reply lie within a few
_MAX_DEPTH = 50

_THOUGHTS = re.compile(r'<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)', re.DOTALL)
_FENCE = re.compile(r'^[^\S\n]*(?:```|~~~)[\w-]*[^\S\n]*$', re.MULTILINE)
_STRING = r'"((?:[^"\\]|\\.)*)"'
# an entry of an object that is broken elsewhere
_ENTRY = re.compile(rf'"([^"\n]{{1,40}})"\s*:\s*(?:{_STRING}|(-?\d+(?:\.\d+)?)(?=\s*[,}}\n]))')
_LINE = re.compile(r'^\W{0,4}(?:question|answer|q|a)?\W{0,2}(\d{1,3})\s*[.):]\s*(.*)$', re.I)
_KEY = re.compile(r'^\W*(?:q|question|a|answer|no|nr)?[\W_]*(\d{1,3})\b', re.IGNORECASE)
_INNER_KEYS = ('answers', 'response', 'result', 'results', 'output', 'json', 'replies')
_TEXT_KEYS = ('answer', 'text', 'value', 'response', 'reply')
_NUMBER_KEYS = ('question', 'id', 'number', 'index', 'q', 'question_id', 'key')
_NOTHING = object()


def ask_together(questions: Sequence[str]) -> str:
    """Return one prompt that asks several questions, numbered from 1.

    Args:
        questions: Questions, in order.

    Returns:
        The prompt, which ends with one line for each question.
    """
    lines = (f'{n}. {" ".join(q.split())}' for n, q in enumerate(questions, 1))
    return PROMPT.format(number=len(questions), questions='\n'.join(lines))


def response_format(number: int) -> dict[str, Any]:
    """Return the ``response_format`` of a request: a JSON schema of one string for each question.

    Args:
        number: Number of questions.
    """
    keys = [str(n + 1) for n in range(number)]
    schema = dict(
        type='object',
        properties={key: dict(type='string') for key in keys},
        required=keys,
        additionalProperties=False,
    )
    return dict(type='json_schema', json_schema=dict(name='answers', strict=True, schema=schema))


def parse_structured(reply: str, number: int) -> list[str | None]:
    r"""Return the answers in a structured reply, in the order of the questions.

    Args:
        reply: Text of the model, which may be cut. Only its first 20,000 characters are read.
        number: Number of questions.

    Returns:
        One entry for each question: the answer, '' if the model says that the image does not show
        it, or ``None`` if the reply has no answer or several different answers to the question.

    Example:
        >>> parse_structured('```json\n{"2": "sky", "1": "grass", "3": ', 3)
        ['grass', 'sky', None]
    """
    text = _FENCE.sub('', _THOUGHTS.sub('', reply[:MAX_CHARACTERS])).strip()
    found = _read_json(text, number)
    if found is None:
        found = _read_entries(text) or _read_lines(text)
    merged: dict[int, set[str]] = {}
    for key, answer in found:
        merged.setdefault(key, set()).add(answer)
    answers = (merged.get(n + 1, set()) for n in range(number))
    return [next(iter(said)) if len(said) == 1 else None for said in answers]


def _read_json(text: str, number: int) -> list[tuple[int, str]] | None:
    """Return number and answer of each entry in the first JSON of a text.

    Returns:
        Pairs of number and answer; ``None`` if the text has no complete JSON.
    """
    if _depth_of(text) > _MAX_DEPTH:
        return None
    decoder = json.JSONDecoder(object_pairs_hook=_Pairs)
    for match in re.finditer(r'[{\[]', text):
        try:
            data, _ = decoder.raw_decode(text[match.start() :])
            found = _of_data(data, number)
        except ValueError:
            # an object inside of broken JSON is only a part of the reply
            return None
        if found:
            return found
    return None


def _depth_of(text: str) -> int:
    """Return how deeply the brackets of a text lie within each other, also those in strings."""
    steps = ((char in '{[') - (char in '}]') for char in text)
    return max(accumulate(steps), default=0)


class _Pairs(list):
    """Keys and values of a JSON object, which may have a key twice."""


def _of_data(data: Any, number: int) -> list[tuple[int, str]]:
    if isinstance(data, _Pairs):
        entries = [
            (n, a) for k, v in data if (n := _number_of(k)) and (a := _text_of(v)) is not None
        ]
        if entries:
            return entries
        inner = [v for k, v in data if str(k).lower() in _INNER_KEYS or len(data) == 1]
        return next((f for v in inner if isinstance(v, list) and (f := _of_data(v, number))), [])
    return _of_list(data, number) if isinstance(data, list) else []


def _of_list(data: list, number: int) -> list[tuple[int, str]]:
    """Return number and answer of each item of a list.

    The items are numbered objects, or as many texts as there are questions, in their order.
    """
    if all(isinstance(item, _Pairs) for item in data):
        numbered = [_of_item(item) for item in data]
        if numbered and all(n for n, _ in numbered):
            return [(n, a) for n, a in numbered if a is not None]
    if len(data) != number:
        return []
    texts = [_of_item(v)[1] if isinstance(v, _Pairs) else _text_of(v) for v in data]
    return [(n, text) for n, text in enumerate(texts, 1) if text is not None]


def _of_item(item: _Pairs) -> tuple[int, str | None]:
    """Return number and answer of an object such as {"question": 1, "answer": "grass"}.

    Returns:
        The number, 0 if there is none, and the answer, ``None`` if there is none.
    """
    table = {str(key).lower(): value for key, value in item}
    numbers = (_number_of(str(table[k])) for k in _NUMBER_KEYS if k in table)
    answers = (table[k] for k in _TEXT_KEYS if k in table)
    value = next(answers, _NOTHING)
    if value is _NOTHING and len(item) == 1:
        return _number_of(item[0][0]), _text_of(item[0][1])
    return next(numbers, 0), None if value is _NOTHING else _text_of(value)


def _text_of(value: Any) -> str | None:
    """Return the text of an answer; ``None`` for a Boolean, which answers no question.

    An object gives the text of its entry, a list gives its first item.
    """
    if isinstance(value, _Pairs):
        return _of_item(value)[1]
    if isinstance(value, list):
        return _text_of(value[0]) if value else ''
    if value is None:
        return ''
    if isinstance(value, bool):
        return None
    return str(value).strip()


def _number_of(key: str) -> int:
    """Return the number in a key such as "1", "Q1" or "question_1"; 0 if there is none."""
    found = _KEY.match(key)
    return int(found[1]) if found else 0


def _read_entries(text: str) -> list[tuple[int, str]]:
    """Return number and answer of each complete entry of JSON that is cut or broken."""
    found = []
    for match in _ENTRY.finditer(text):
        key = _number_of(match[1])
        if key:
            found.append((key, _unescape(match[2]) if match[2] is not None else match[3]))
    return found


def _unescape(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"', strict=False)).strip()
    except ValueError:
        return text.strip()


def _read_lines(text: str) -> list[tuple[int, str]]:
    """Return number and answer of each line that begins with a number."""
    lines = (_LINE.match(line.strip()) for line in text.splitlines())
    return [(int(m[1]), m[2].strip().strip('"*,').strip()) for m in lines if m]
