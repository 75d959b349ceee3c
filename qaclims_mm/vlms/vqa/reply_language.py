"""Recognise replies in other languages than English, which CLIP's text encoder cannot read."""

import re
import unicodedata

# function words of English and of other languages with Latin letters; a single word such as "la"
# or "die" may be a part of a name, so two words of a language are required
_GRAMMAR = {
    'en': 'a an the of on with is it in and at to this photo not',
    'de': 'der die das den dem ein eine und ist auf im mit '  # codespell:ignore
    'ich nicht es von zu in an',
    'fr': "le la les un une des est et dans sur du au avec l'herbe je ne pas c'est il y on",
    'es': 'el los las un una es y en del con no sobre hay la de se puede que',
    'it': 'il lo gli una un è di del della con sono che non nel sul la in',
    'pt': 'o os uma um é de da do com não em no na que há',
    'nl': 'de het een is op met van niet en ik kan in',
}
_ENGLISH, *_OTHERS = (frozenset(words.split()) for words in _GRAMMAR.values())


def is_foreign(reply: str, question: str = '') -> bool:
    """Return whether a reply is in another language than English.

    A reply is foreign in two cases:

    - Most of its letters belong to another script than Latin, and the question has no such letters.
      The name of a class may have them.
    - It has at least two function words that another language has and English does not have, and
      no function word that only English has.

    A single foreign word in Latin letters is not recognised.

    Args:
        reply: Text of the model.
        question: Question of the prompt; '' if it does not matter.

    Returns:
        ``True`` if the reply is foreign.

    Example:
        >>> is_foreign('草地'), is_foreign('ein Hund auf dem Gras'), is_foreign('des moines')
        (True, True, False)
    """
    letters = [c for c in reply if c.isalpha()]
    if len(letters) > 2 * sum(map(_is_latin, letters)):
        return all(map(_is_latin, filter(str.isalpha, question)))
    words = set(re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", reply.lower().replace('’', "'")))
    return any(
        len(words & known - _ENGLISH) >= 2 and not words & _ENGLISH - known for known in _OTHERS
    )


def _is_latin(character: str) -> bool:
    return character.isascii() or unicodedata.name(character, '').startswith('LATIN')
