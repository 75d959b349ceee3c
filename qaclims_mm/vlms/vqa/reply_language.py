"""Tells replies in another language, which CLIP's text encoder does not read."""

import re
import unicodedata

# words of grammar of English, and of languages whose answers are told by words that English has
# not; names such as "la" or "die" may stand alone, so two of a language are asked for
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
    """Tell whether a reply is in another language than English.

    A reply of mostly letters of another script than Latin is, unless the question has such letters
    too, as the name of a class may. So is one with two words of grammar that another language has
    and English has not, and none that English alone has. A single foreign word of Latin letters is
    not recognised.

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
    return any(
        len(words & known - _ENGLISH) >= 2 and not words & _ENGLISH - known for known in _OTHERS
    )


def _is_latin(character: str) -> bool:
    return character.isascii() or unicodedata.name(character, '').startswith('LATIN')
