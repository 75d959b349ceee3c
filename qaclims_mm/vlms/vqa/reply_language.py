"""Tells replies in another language, which CLIP's text encoder does not read."""

import re
import unicodedata

# words of grammar that short English answers do not have; names such as "la" or "die" may stand
# alone, so two of a language are asked for
_GRAMMAR = {
    'de': 'der die das den dem ein eine und ist auf im mit ich nicht es von zu',  # codespell:ignore
    'fr': "le la les un une des est et dans sur du au avec l'herbe je ne pas c'est il y",
    'es': 'el los las un una es y en del con no sobre hay la de se puede que',
    'it': 'il lo gli una un è di del della con sono che non nel sul la',
    'pt': 'o os uma um é de da do com não em no na que há',
    'nl': 'de het een is op met van niet en ik kan',
}
_ENGLISH = {
    'a',
    'an',
    'the',
    'of',
    'on',
    'with',
    'is',
    'it',
    'in',
    'and',
    'at',
    'to',
    'this',
    'photo',
}
_WORDS = {name: frozenset(words.split()) for name, words in _GRAMMAR.items()}


def is_foreign(reply: str, question: str = '') -> bool:
    """Tell whether a reply is in another language than English.

    A reply of mostly letters of another script than Latin is, unless the question has such letters
    too, as the name of a class may. So is one with two words of grammar of another language and
    none of English. A single foreign word of Latin letters is not recognised.

    Args:
        reply: What the model said.
        question: What it was asked.

    Example:
        >>> is_foreign('草地'), is_foreign('ein Hund auf dem Gras'), is_foreign('des moines')
        (True, True, False)
    """
    letters = [c for c in reply if c.isalpha()]
    if len(letters) > 2 * sum(map(_is_latin, letters)):
        return all(map(_is_latin, filter(str.isalpha, question)))
    words = set(re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", reply.lower().replace('’', "'")))
    if words & _ENGLISH:
        return False
    return any(len(words & known) >= 2 for known in _WORDS.values())


def _is_latin(character: str) -> bool:
    return character.isascii() or unicodedata.name(character, '').startswith('LATIN')
