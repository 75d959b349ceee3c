"""Names that a VQA model and CLIP understand, for labels that they do not."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from qaclims_mm.errors import ConfigError
from qaclims_mm.schemas.names import BLANKS, shown_name

# the classes of VOC and COCO that are several words, which files write without the blank
TWO_WORDS = (
    'baseball bat', 'baseball glove', 'cell phone', 'dining table', 'fire hydrant', 'hair drier',
    'hot dog', 'parking meter', 'potted plant', 'sports ball', 'stop sign', 'teddy bear',
    'tennis racket', 'traffic light', 'tv monitor', 'wine glass',
)  # fmt: skip
_GLUED = {name.replace(' ', ''): name for name in (*TWO_WORDS, 'hair dryer')}
_NO_LABEL = ('none', 'nan', 'null', 'na', 'n/a', 'unlabelled', 'unlabeled', 'unknown', '-')
# of the letters of two labels, one in seven being another: from here on one may be the other ..
_ALIKE = 0.85
# .. if it is this many times as rare
_RARE = 4


# the start, the end or all of a list as Python and JSON write it
_LIST = re.compile(r"""^[\[({]+\s*["']|["']\s*[\])}]+$|^\[\s*\]$""")

_FOREIGN = 'is that English? the models of the presets know English names best'


class Proposal(NamedTuple):
    """A better name for a label; an empty ``name`` is for a person to think of."""

    label: str
    name: str
    reason: str


def propose_names(counts: Mapping[str, int]) -> list[Proposal]:
    """Look for labels that are no words, or the same as another one.

    Args:
        counts: {label: number of images}.

    Returns:
        At most one proposal a label, in the order of the labels.
    """
    return [p for label in counts if (p := _propose(label, counts)) is not None]


def _propose(label: str, counts: Mapping[str, int]) -> Proposal | None:
    if label.lower() == 'background':
        return Proposal(label, '', 'what is of no class is background already; take this label out')
    if label.lower() in _NO_LABEL:
        return Proposal(label, '', 'is that no label? leave its field empty then')
    if _LIST.search(label):
        return Proposal(label, '', 'part of a list, as programs write them? write cat;dog')
    if _is_two(label, counts):
        return Proposal(label, '', 'two other labels in one; is a separator missing, as ";"?')
    words = _in_words(label)
    if words != label:
        return Proposal(label, words, 'several words in one')
    single = _singular_of(label, counts)
    if single:
        return Proposal(label, single, 'the plural of another label')
    if not is_word(label):
        return Proposal(label, '', 'no word that a model could know')
    frequent = [other for other in counts if counts[other] >= _RARE * counts[label]]
    if alike := get_close_matches(label, frequent, n=1, cutoff=_ALIKE):
        return Proposal(label, alike[0], 'may be another label, misspelt')
    return None if label.isascii() else Proposal(label, '', _FOREIGN)


def _is_two(label: str, counts: Mapping[str, int]) -> bool:
    """Return whether a label is two others with a blank, a sign or "and" between them."""
    words = re.sub(r'[/&+]|\band\b', ' ', label.lower()).split()
    known = {other.lower() for other in counts}
    splits = ((' '.join(words[:k]), ' '.join(words[k:])) for k in range(1, len(words)))
    return any(known.issuperset(split) for split in splits)


def _in_words(label: str) -> str:
    """Split ``TrafficLight``, ``traffic-light`` and ``diningtable``."""
    split = re.sub(r'(?<=[a-z])(?=[A-Z])', ' ', label)
    split = re.sub(r'(?<=\w)[-.](?=\w)', ' ', split)
    if split != label:
        split = split.lower()
    return _GLUED.get(split.lower().replace(' ', ''), split)


def _singular_of(label: str, counts: Mapping[str, int]) -> str:
    """Return the other label of which this one is the plural, or nothing."""
    ends = (('ies', 'y'), ('es', ''), ('s', ''))
    singles = [label.removesuffix(end) + short for end, short in ends if label.endswith(end)]
    return next((s for s in singles if s in counts), '')


def is_word(label: str) -> bool:
    """Return whether a label of Latin letters could be read out; of others nothing is said."""
    if not label.isascii():
        return True
    letters = [part for part in re.split(r'[^A-Za-z]+', label) if part]
    digits = sum(c.isdigit() for c in label)
    vowels = any(re.search('[aeiouy]', part.lower()) for part in letters)
    short_forms = all(part.lower() in ('tv', 'pc', 'dvd') for part in letters)
    return bool(letters) and digits <= len(label) / 3 and (vowels or short_forms)


def read_renames(texts: Sequence[str]) -> dict[str, str]:
    """Return {label: name} of texts ``label=name``.

    Raises:
        ConfigError: If one has no ``=``, an empty side, or stands twice.
    """
    renames: dict[str, str] = {}
    for text in texts:
        label, equals, name = (part.strip(BLANKS) for part in text.rpartition('='))
        if not equals or not label or not name or label in renames:
            raise ConfigError(
                f"a new name must be given once, as 'label=name', but got {shown_name(text)}."
            )
        renames[label] = name
    return renames
