"""Rules for the names that users choose: classes and images.

A name is data: it is never spliced into code, a pattern, markup or a path. The rules therefore
refuse only names that no line of text or no path can hold.
"""

import os
import re
import unicodedata

LONGEST_NAME = 200
LONGEST_SHOWN = 80
ON_WINDOWS = os.sep == '\\'

_BIDI_CONTROLS = frozenset('\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069')
_DRIVE = re.compile(r'[A-Za-z]:(?=[/\\]|\Z)')
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
    reasons = (_REASONS.get(unicodedata.category(character)) for character in text)
    return next((reason for reason in reasons if reason), '')


def problem_of_name(name: str) -> str:
    r"""Explain why a class or label name cannot be used.

    Quotes, braces, backslashes, markup, format codes, emoji, ``None``, ``CON``, path parts and a
    leading ``=`` or ``-`` are all legal.

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
    if problem := problem_of_characters(name):
        return problem
    if not _BIDI_CONTROLS.isdisjoint(name):
        return 'it has a character that reverses the direction of text'
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
