"""Labels as words: which of them are one class."""


def as_words(labels: object) -> dict[str, str]:
    """Return {label: the words that a question asks about}: ``traffic_light`` is traffic light.

    Labels that differ in case alone are one class, called as the first of them.
    """
    words: dict[str, str] = {}
    first: dict[str, str] = {}
    for label in dict.fromkeys(labels):  # type: ignore[call-overload]
        # of underscores alone no word is left
        text = ' '.join(label.replace('_', ' ').split()) or label
        words[label] = first.setdefault(text.lower().replace(' ', ''), text)
    return words
