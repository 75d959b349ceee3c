"""Rules for the names that users choose: classes and images.

A name is data: it is never spliced into code, a pattern, markup or a path. The rules therefore
refuse only names that no line of text or no path can hold.
"""

import os
import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

LONGEST_NAME = 200
LONGEST_SHOWN = 80
LONGEST_TEXT = 300
# names that a hint lists
_LISTED = 12
# what may surround a name in a file; every other control character is refused, not removed
BLANKS = ' \t\r\n'
ON_WINDOWS = os.sep == '\\'

_BIDI_CONTROLS = frozenset('\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069')
# joiners of letters (Persian, Indic scripts) and of emoji: visible where they join, else not
_ZWNJ, _ZWJ = '\u200c', '\u200d'
# letters and marks that no font draws
_INVISIBLE = frozenset('\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0')
# invisible by themselves: the braille blank and the selectors of a letter's or emoji's form
_FILLERS = frozenset('\u2800\u180b\u180c\u180d\u180f') | {chr(c) for c in range(0xFE00, 0xFE10)}
# blocks of scripts whose letters join: Arabic to Myanmar, Khmer and Mongolian, further Indic ones
_JOINED = (
    (0x0600, 0x109F),
    (0x1780, 0x18AF),
    (0xA800, 0xABFF),
    (0xFB50, 0xFDFF),
    (0x10A00, 0x11FFF),
)
_DRIVE = re.compile(r'[A-Za-z]:(?=[/\\]|\Z)')
# what several do, and what one does, beyond an s
_OF_ONE = dict(are='is', cannot='cannot', could='could', do='does', have='has', were='was')
_REASONS = {
    'Cc': 'it has a control character',
    'Cs': 'it has half of a surrogate pair, which UTF-8 cannot hold',
    'Zl': 'it has a line separator',
    'Zp': 'it has a paragraph separator',
}


def _is_drawable(character: str) -> bool:
    """Return whether a character is a letter, mark, sign or blank of one line."""
    return unicodedata.category(character) not in _REASONS and character not in _BIDI_CONTROLS


def problem_of_characters(text: str) -> str:
    """Return why a text does not fit into one line of UTF-8, or ''."""
    # ids of millions of images pass here; what is printable is of no category below
    if text.isprintable():
        return ''
    reasons = (_REASONS.get(unicodedata.category(character)) for character in text)
    return next((reason for reason in reasons if reason), '')


def problem_of_line(text: str) -> str:
    """Return why a text does not fit into one line that reads in one direction, or ''."""
    if problem := problem_of_characters(text):
        return problem
    if not _BIDI_CONTROLS.isdisjoint(text):
        return 'it has a character that reverses the direction of text'
    return ''


def _is_visible(character: str) -> bool:
    return not (
        character.isspace()
        or unicodedata.category(character) == 'Cf'
        or character in _INVISIBLE
        or character in _FILLERS
    )


def _is_emoji(character: str) -> bool:
    return character > '\x7f' and unicodedata.category(character) in ('So', 'Sk', 'Sm')


def _is_of_joined_script(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _JOINED)


def _joins(name: str, place: int) -> bool:
    """Return whether a joiner stands between letters of a joined script or inside an emoji."""
    before, after = name[:place].rstrip('\ufe0e\ufe0f')[-1:], name[place + 1 : place + 2]
    if not before:
        return False
    if name[place] == _ZWJ and after and _is_emoji(before) and _is_emoji(after):
        return True
    # a word of an Indic script may end with a zero-width joiner
    ends = name[place] == _ZWJ and (not after or after == ' ')
    return _is_of_joined_script(before) and (ends or (after != '' and _is_of_joined_script(after)))


def _invisible_character(name: str) -> str:
    """Return the first character that nobody can see, or ''."""
    for place, character in enumerate(name):
        if character in (_ZWNJ, _ZWJ):
            if not _joins(name, place):
                return character
        elif character in _INVISIBLE or unicodedata.category(character) == 'Cf':
            return character
    return ''


def problem_of_name(name: str) -> str:
    r"""Explain why a class or label name cannot be used.

    Quotes, braces, backslashes, markup, format codes, emoji, ``None``, ``CON``, path parts and a
    leading ``=`` or ``-`` are all legal. A character that nobody can see is refused (a zero-width
    space, a byte order mark, a soft hyphen): two names that look alike would be two classes. The
    zero-width joiners are legal where they join: inside an emoji, and between letters of scripts
    such as Persian and Hindi.

    Args:
        name: Class name as it was read.

    Returns:
        Reason that completes "label 'x': {reason}", or '' for a name that can be used.

    Example:
        >>> problem_of_name('</script> {texts}')
        ''
        >>> problem_of_name('ca\0t')
        'it has a control character'
    """
    if not name.strip():
        return 'it is empty'
    if problem := problem_of_line(name):
        return problem
    if not any(map(_is_visible, name)):
        return 'it is empty: nothing in it is visible'
    if hidden := _invisible_character(name):
        return f'it has the invisible character U+{ord(hidden):04X}'
    if len(name) > LONGEST_NAME:
        return f'it has {len(name)} characters, more than {LONGEST_NAME}'
    return ''


def problem_of_image_id(image_id: str) -> str:
    r"""Explain why an image id cannot be used.

    An image id is the path of an image under its root, POSIX and without the suffix. A backslash
    and a colon are letters of a file's name on POSIX and legal there. On Windows, where they
    separate folders and drives, they are refused.

    Args:
        image_id: Image id, such as ``sub dir/a``.

    Returns:
        Reason that completes "image 'x': {reason}", or '' for an id that can be used.

    Example:
        >>> problem_of_image_id('sub dir/a.b')
        ''
        >>> problem_of_image_id('../a')
        "its path has the part '..'"
    """
    if not image_id:
        return 'it is empty'
    if problem := problem_of_characters(image_id):
        return problem
    if image_id.startswith('/'):
        return 'it is an absolute path'
    if _DRIVE.match(image_id):
        return 'it starts with a drive letter'
    for part in image_id.split('/'):
        if part in {'', '.', '..'}:
            return f'its path has the part {part!r}' if part else 'its path has an empty part'
    if ON_WINDOWS and not {'\\', ':'}.isdisjoint(image_id):
        return 'it has a backslash or a colon, which Windows reads as part of a path'
    return ''


def shown_name(name: str) -> str:
    r"""Return a name as messages show it: quoted, escaped and at most about 80 characters long.

    Example:
        >>> print(shown_name('ca\0t'))
        'ca\x00t'
    """
    if len(name) > LONGEST_SHOWN:
        name = f'{name[:50]}...{name[-(LONGEST_SHOWN - 53) :]}'
    return repr(name)


def shown_text(text: str | os.PathLike[str]) -> str:
    r"""Return a path or text as messages show it: as it is, or like a name if no line holds it.

    Example:
        >>> print(shown_text('a b/c'), shown_text('a\nb'))
        a b/c 'a\nb'
    """
    text = os.fspath(text)
    return text if len(text) <= LONGEST_TEXT and not problem_of_line(text) else shown_name(text)


def hint_of_name(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the nearest known name, or a list.

    Args:
        name: Unknown name.
        known: Known names, at least one.

    Example:
        >>> hint_of_name('tv monitr', ['cat', 'tv monitor'])
        'did you mean tv monitor?'
        >>> hint_of_name('TV', ['cat', 'tv monitor'])
        'did you mean tv monitor?'
        >>> hint_of_name('x', ['cat', 'tv monitor'])
        'known are cat, tv monitor.'
    """
    names = list(known)
    folded = {other.casefold(): other for other in reversed(names)}
    wanted = str(name).casefold()
    close = get_close_matches(wanted, folded, n=1)
    # a part of a name is not close to it by letters: tv, and tv monitor
    close = close or [f for f in folded if wanted in f.split() or f in wanted.split()]
    if close:
        return f'did you mean {shown_text(folded[close[0]])}?'
    listed = ', '.join(map(shown_text, names[:_LISTED]))
    return f'known are {listed}' + (' and others.' if len(names) > _LISTED else '.')


def drawn_name(name: str, longest: int) -> str:
    r"""Return a name as pictures show it: in one line, escaped, and cut with an ellipsis.

    Args:
        name: Any text.
        longest: Number of characters, at least 1.

    Example:
        >>> print(drawn_name('dining\ntable', 10))
        dining\nt…
    """
    cut = name if len(name) <= longest else name[:longest]
    shown = ''.join(c if _is_drawable(c) else repr(c)[1:-1] for c in cut)
    return shown if len(name) <= longest and len(shown) <= longest else f'{shown[: longest - 1]}…'


def _with_s(word: str) -> str:
    """Return a noun as it is said of several, or a verb as it is said of one."""
    if word.endswith(('s', 'x', 'ch', 'sh')):
        return f'{word}es'
    return f'{word[:-1]}ies' if re.search(r'[^aeiou]y\Z', word) else f'{word}s'


def counted(number: int, noun: str, said: str = '') -> str:
    """Return a number of things and what is said of them, as a text reads them.

    Args:
        number: How many, at least 0.
        noun: What one is called. It must end with the word that differs for several.
        said: What is said of several. It must start with the verb, in the present tense, "were",
            "cannot" or "could", and nothing behind the verb may tell one from several.

    Example:
        >>> counted(1, 'class'), counted(2, 'class')
        ('1 class', '2 classes')
        >>> counted(1, 'image', 'have no mask'), counted(0, 'image', 'have no mask')
        ('1 image has no mask', '0 images have no mask')
    """
    things = f'{number} {noun if number == 1 else _with_s(noun)}'
    if not said:
        return things
    verb, blank, rest = said.partition(' ')
    shown = verb if number != 1 else _OF_ONE.get(verb) or _with_s(verb)
    return f'{things} {shown}{blank}{rest}'
