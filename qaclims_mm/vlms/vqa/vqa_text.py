"""What is asked of models that talk, and the short answer in what they say."""

import json
import re
import string
import unicodedata
from collections.abc import Iterator
from typing import Any

from qaclims_mm.schemas.names import counted

# An answer becomes a text of CLIP, "a photo of {answer}", about one thing. What a model adds to it,
# where the thing lies and beside what, would draw the map there too; English says it at the end.
MAX_WORDS = 8
# A description is asked for as such; CLIP reads 77 tokens.
MAX_WORDS_OF_DESCRIPTION = 24
# Nothing of interest comes later, and a reply may be endless.
MAX_CHARACTERS = 2000
ANSWER_KEYS = ('answer', 'short_answer', 'final_answer', 'response', 'text')

_THOUGHTS = re.compile(r'<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)', re.DOTALL)
_FENCE = re.compile(r'```[\w-]*\n?|~~~')
_CUT_JSON = re.compile(
    rf"""["'](?:{'|'.join(ANSWER_KEYS)})["']\s*:\s*\[?\s*(["'])(.*?)(?:\1|\Z)""",
    re.IGNORECASE | re.DOTALL,
)
_LATEX = re.compile(r'\\(?:boxed|text|textbf)\{([^{}]*)\}?')
_LINK = re.compile(r'!?\[([^\]]*)\]\([^)]*\)')
_TAG = re.compile(r'<[|/]?\w[^<>]*>|\[/?inst\]', re.IGNORECASE)
_MARKS = re.compile(r'\*\*|__|`|(?<!\w)[*_]|[*_](?!\w)|^\s*#+\s*|^\s*>\s+', re.MULTILINE)
_BULLET = re.compile(r'^\s*(?:[-*+•–·]|\d{1,2}[.)]|[a-h]\))\s+', re.MULTILINE)
_ASIDE = re.compile(r'\([^()]*\)?')
# no end of a sentence: "St. Bernard", "U.S."
_SENTENCE_END = re.compile(
    r'\n+|(?<=[.!?;])(?<!\bst\.)(?<!\bmt\.)(?<!\bmr\.)(?<!\bdr\.)(?<!\b\w\.)\s+|(?<=[。！？])'
)
_YES_OR_NO = re.compile(r'^\s*(?:is|are|was|were|does|do|did|has|have|can)\b', re.IGNORECASE)
# halves of characters, which JSON can name and UTF-8 cannot hold
_HALVES = re.compile('[\ud800-\udfff]')
_DESCRIBE = re.compile(r'^\s*describe\b', re.IGNORECASE)
_QUESTION = re.compile(r'^(?:what|which|where|who|how|why|is|are|does|do|can)\b.*\?$')

_IMAGE = r'(?:image|photo|photograph|picture|scene)'
_BE = (
    r"(?:(?:is|are|was|were|'s|’s|'re|’re|(?:could|would|may|might|must|can) be|"
    r'(?:appears?|seems?|looks?)(?: to be| like)?)\b|shows?\b)'
)
_HEDGE = r'(?:probably|likely|most likely|perhaps|maybe|possibly|usually|also|often|commonly|just)'
# what comes before an answer; the pieces may follow each other
_PREAMBLES = [
    re.compile(pattern)
    for pattern in (
        r'(?:sure|certainly|of course|okay|ok|yes|no problem|absolutely|great question|well)'
        r'(?: thing)?\s*(?:[,!.:]+|$)',
        r"i(?: can|'d| would|'ll| will|’d|’ll) (?:be (?:happy|glad) to|help|assist)\b[^:]*:?",
        r'let me\b[^:]*:?',
        r'(?:assistant|question|q|a|output|response|caption|(?:the )?(?:short |final |my )?answer)'
        r'\s*[:：]',
        rf'(?:the|my) (?:short |final |correct |best )?answer(?: to [^:]*?)? {_BE}',
        r"here ?(?:is|are|'s|’s)\b(?:[^:]*:)?",
        rf'(?:based on|according to|judging by|in|from|looking at) (?:the|this|your)'
        rf'(?: (?:provided|given))? {_IMAGE}(?: provided| given)?\s*,?',
        rf'(?:the|this) {_IMAGE} (?:shows|depicts|features|contains|displays|is of|has)\b',
        r'(?:i|we|you) (?:think|believe|guess|see|(?:can|could) see)\b(?: that\b)?',
        rf'(?:it|this|that|there|these|those|they|he|she) ?{_BE}',
        rf'(?:{_BE} )?{_HEDGE}\b',
        rf'{_BE} (?=an? |the |some )',
        r'(?:is |are )?(?:called|known as|referred to as|named)\b',
        r'(?:kind|type|sort|piece) of\b',
        r'(?:in|at|on|inside) (?=an? |the )',
        r'(?:an?|the|some|its|their|one of the)\b(?=\s)',
    )
]
_REFUSAL = re.compile(
    r"\b(?:cannot|can ?not|can['’]t|could(?: not|n['’]t)|unable|not able|(?:not |im)possible) "
    r'(?:to )?(?:be )?(?:determined?|tell|say|see|identify|answer|provide|assist|help|know|view|'
    r'process|recogni[sz]e|give)\b|'
    r"^(?:i['’]m |i am |we are )?(?:very )?(?:sorry|afraid|not sure|unsure|uncertain)\b|"
    r'^(?:i|we) (?:apologi[sz]e|do not|don[\'’]t|cannot|can[\'’]t|have no)\b|'
    r'\bas an? (?:ai|language model|large language model)\b|'
    r'^there(?: is|[\'’]s| are|) (?:no\b|not |nothing\b|none\b)|'
    r'^(?:is |are )?(?:not|isn[\'’]t) (?:visible|clear|shown|specified|known|applicable|possible|'
    r'given|enough|in (?:the|this))\b|'
    r'\b(?:is|are) not (?:visible|clear|shown|specified|known|mentioned)\b|'
    r'^(?:unknown|unclear|unanswerable|unspecified|none|nothing|nobody|null|nan|'
    r'undefined|undetermined|insufficient)\b|'
    r'^(?:n/?a|no|yes|no answer|no idea|not sure|nil)$'
)
_PLACES = {
    *('in', 'on', 'at', 'of', 'to', 'above', 'over', 'under', 'below', 'behind', 'around', 'near'),
    *('next', 'beside', 'left', 'right'),
}
# a text that was cut may end in these, and they say nothing there
_DANGLING = {
    *('a', 'an', 'the', 'its', 'of', 'in', 'on', 'at', 'with', 'to', 'by', 'for', 'from', 'and'),
    *('or', 'is', 'are', 'which', 'that'),
}


def check_prompt(template: str) -> str:
    """Return a template with exactly one ``{question}`` and nothing else to fill.

    Raises:
        ValueError: If it has another field, none, two, or a brace that is not closed.
    """
    try:
        fields = [tuple(field) for _, *field in string.Formatter().parse(template)]
    except ValueError as error:
        raise ValueError(
            f'the prompt must be a template with one {{question}}, but got {template!r} ({error}); '
            'write a brace of its own as {{ or }}.'
        ) from error
    named = [field for field in fields if field[0] is not None]
    if named != [('question', '', None)]:
        raise ValueError(
            f'the prompt must have the field {{question}} once and no other, but got {template!r} '
            f"with {counted(len(named), 'field')}; such as 'Question: {{question}} Short answer:'."
        )
    return template


def parse_answer(reply: str, question: str = '') -> str:
    """Return the short answer in what a model says, as BLIP would give it.

    In lower case, without markup, preamble, article, what repeats the question, and outer
    punctuation. A longer one is cut to its first 8 words: there the thing is named, and an empty
    answer would lose all that a talkative model knows. Of a description 24 words are kept.

    Args:
        reply: What the model said, to its end or cut.
        question: What it was asked.

    Returns:
        Empty where the model does not know, or says nothing; of a question that yes or no answers,
        that word.

    Example:
        >>> parse_answer('Sure! **The answer is** a Golden Retriever.')
        'golden retriever'
    """
    if _YES_OR_NO.match(question):
        said = re.search(r'\b(yes|no)\b', _unwrap(reply[:MAX_CHARACTERS]).lower())
        return said[0] if said else ''
    describes = bool(_DESCRIBE.match(question))
    most = MAX_WORDS_OF_DESCRIPTION if describes else MAX_WORDS
    asked = set(re.findall(r'\w+', question.lower())) | {'the', 'this', 'a'}
    for sentence in _sentences(_HALVES.sub('', _unwrap(reply[:MAX_CHARACTERS]))):
        if _REFUSAL.search(sentence):
            return ''
        answer = _strip_preambles(sentence)
        if answer and _REFUSAL.search(answer):
            return ''
        # a description says again what it is of
        answer = _strip_echo(answer, asked) if question and not describes else answer
        answer = _cut(answer, most)
        if answer:
            return answer
    return ''


def _unwrap(reply: str) -> str:
    """Return the text inside thoughts, code fences and JSON."""
    text = _FENCE.sub('', _THOUGHTS.sub('', reply)).strip()
    start = re.match(r'(?:json\s*)?(?=[{\[])', text)
    if start is None:
        return text
    text = text[start.end() :]
    try:
        return _value_of(json.loads(text))
    except (ValueError, RecursionError):
        found = _CUT_JSON.search(text)
        return found[2] if found else text


def _value_of(data: Any) -> str:
    """Return the text of an answer in JSON; of several things the first."""
    while isinstance(data, (dict, list)):
        if isinstance(data, dict):
            known = {str(k).lower(): v for k, v in data.items()}
            key = next((k for k in ANSWER_KEYS if k in known), next(iter(known), ''))
            data = known.get(key)
        else:
            data = data[0] if data else None
    return '' if data is None or isinstance(data, bool) else str(data)


def _sentences(text: str) -> Iterator[str]:
    """Yield what a text says, line by line and sentence by sentence, in lower case."""
    text = unicodedata.normalize('NFKC', text)
    text = _LINK.sub(r'\1', _LATEX.sub(r'\1', text))
    text = _MARKS.sub('', _BULLET.sub('', _TAG.sub(' ', text)))
    text = re.sub(r':\s*\n+', ': ', text)  # a heading
    for sentence in _SENTENCE_END.split(_ASIDE.sub(' ', text).lower()):
        sentence = re.sub(r'\s+', ' ', sentence).strip()
        if not _QUESTION.match(re.sub(r'^(?:question|q) ?: ?', '', sentence)):
            yield _strip(sentence)


def _strip(text: str) -> str:
    """Strip what is no letter, mark or digit at the ends."""
    kept = [i for i, c in enumerate(text) if unicodedata.category(c)[0] in 'LMN']
    return text[kept[0] : kept[-1] + 1] if kept else ''


def _strip_preambles(text: str) -> str:
    while True:
        found = next((m for p in _PREAMBLES if (m := p.match(text))), None)
        if found is None or not found.end():
            return text
        text = _strip(text[found.end() :])


def _strip_echo(text: str, asked: set[str]) -> str:
    """Drop a subject, and a place at the end, that only say the question again."""
    for found in re.finditer(rf' {_BE} ', text):
        if set(re.findall(r'\w+', text[: found.start()])) <= asked:
            text = _strip_preambles(_strip(text[found.end() :]))
            break
    for found in re.finditer(r'\w+', text):
        place = set(re.findall(r'\w+', text[found.start() :]))
        if found.start() and found[0] in _PLACES and place <= asked:
            return re.sub(rf' {_BE}$', '', _strip(text[: found.start()]))
    return text


def _cut(text: str, most: int) -> str:
    """Cut to the first words, each once in a row."""
    text = re.sub(r'\b(\w+)(?: \1\b)+', r'\1', text)
    words = text.split()[:most]
    while words and _strip(words[-1]) in {'', *_DANGLING}:
        words.pop()
    return _strip(' '.join(words))
