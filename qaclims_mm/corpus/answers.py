"""Post-processing of answers: pure functions from raw text to the texts that CLIP reads."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

BG_FILTERS = ('none', 'distinct', 'distinct_absent')
LABEL_TESTS = ('words', 'substring')
# A tokenizer of CLIP reads 77 tokens; an answer is never longer than a few words.
MAX_CHARACTERS = 100


def _strip_punctuation(text: str) -> str:
    kept = [
        i for i, c in enumerate(text) if unicodedata.category(c)[0] not in 'PZ' and c not in '`<>'
    ]
    return text[kept[0] : kept[-1] + 1] if kept else ''


def clean_answer(raw: str) -> str:
    r"""Return an answer in lower case, without control characters and outer punctuation.

    Letters of every script stay; runs of blanks become one; what is longer than 100 characters is
    cut at a word. An answer without a letter or digit becomes empty.

    Example:
        >>> clean_answer('  A Steam\tTrain. ')
        'a steam train'
    """
    text = unicodedata.normalize('NFKC', raw)
    text = ''.join(' ' if unicodedata.category(c).startswith('C') else c for c in text)
    text = _strip_punctuation(re.sub(r'\s+', ' ', text).lower())
    if not any(c.isalnum() for c in text):
        return ''
    if len(text) > MAX_CHARACTERS:
        text = _strip_punctuation(text[:MAX_CHARACTERS].rsplit(' ', 1)[0])
    return text


def lemmatize(text: str) -> str:
    """Return the singular of a text taken as one noun, as the released code does: "dogs", "dog".

    A text of several words stays as it is, since no lemma of it is known.

    Raises:
        ImportError: If simplemma is not installed.
    """
    try:
        import simplemma
    except ImportError as error:
        raise ImportError(
            "lemmatize=True needs simplemma; run: pip install 'qaclims_mm[lemma]'"
        ) from error
    return text if ' ' in text else simplemma.lemmatize(text, lang='en').lower()


def contains_label(text: str, names: Sequence[str], test: str = 'words') -> bool:
    """Tell whether a text names a class.

    Args:
        text: A clean answer.
        names: The class name and its aliases, in lower case.
        test: ``words`` finds whole words, plurals with s or es too; ``substring`` finds letters
            (released code: "hotdog" contains "dog").

    Raises:
        ValueError: If ``test`` is unknown.
    """
    if test not in LABEL_TESTS:
        raise ValueError(f'test must be one of {LABEL_TESTS}, but got {test!r}.')
    if test == 'substring':
        return any(name in text for name in names)
    return any(re.search(rf'(?<!\w){re.escape(name)}(e?s)?(?!\w)', text) for name in names)


def foreground_text(
    text: str,
    class_name: str,
    aliases: Sequence[str] = (),
    append_label: bool = True,
    test: str = 'words',
) -> str:
    """Complete a foreground answer by the label: "passenger" about a train is a "passenger train".

    Args:
        text: A clean answer; empty stays empty.
        class_name: The label.
        aliases: Other names that make the label needless.
        append_label: Whether to complete it at all.
        test: See ``contains_label``.

    Source:
        Section 3.2.3 of the paper; vqa_fg.py of the released code.
    """
    names = [n.lower() for n in (class_name, *aliases)]
    if not text or not append_label or contains_label(text, names, test):
        return text
    return f'{text} {class_name}'


def process_answer(
    raw: str,
    kind: str,
    class_name: str,
    aliases: Mapping[str, Sequence[str]] | None = None,
    lemma: bool = False,
    append_label: bool = True,
    test: str = 'words',
) -> str:
    """Return the text of a raw answer; empty if nothing is left of it.

    Args:
        raw: What the VQA model said.
        kind: ``fg`` or ``bg``.
        class_name: The class that was asked about.
        aliases: {class name: other names}.
        lemma: Whether to lemmatize.
        append_label: See ``foreground_text``.
        test: See ``contains_label``.
    """
    text = clean_answer(raw)
    if lemma and text:
        text = lemmatize(text)
    if kind == 'bg':
        return text
    return foreground_text(
        text, class_name, (aliases or {}).get(class_name, ()), append_label, test
    )


def select_backgrounds(
    texts: Sequence[str],
    class_name: str,
    bg_filter: str = 'none',
    present: Sequence[str] = (),
) -> list[str]:
    """Return the background texts that serve as negatives of a class.

    Args:
        texts: Processed background answers, in question order; empty ones are dropped always.
        class_name: The label.
        bg_filter: ``none`` keeps them as they come (paper); ``distinct`` keeps each once and drops
            the label (released code); ``distinct_absent`` also drops every class of the image.
        present: The classes of the image.

    Raises:
        ValueError: If ``bg_filter`` is unknown.
    """
    if bg_filter not in BG_FILTERS:
        raise ValueError(f'bg_filter must be one of {BG_FILTERS}, but got {bg_filter!r}.')
    kept = [t for t in texts if t]
    if bg_filter == 'none':
        return kept
    kept = [t for t in dict.fromkeys(kept) if t != class_name.lower()]
    if bg_filter == 'distinct_absent':
        kept = [t for t in kept if not contains_label(t, [p.lower() for p in present])]
    return kept
