"""The labels in values of JSON: texts, lists of them, choices, regions and objects."""

from collections.abc import Iterator

# a key that ends with "labels" holds labels too: rectanglelabels, brushlabels
_KEYS = ('choices', 'taxonomy', 'categories', 'category', 'label')


def text_of(value: object) -> str | None:
    """Return a text, number or truth value as a text; ``None`` for everything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        # tables make floats of whole numbers where cells are empty
        return str(int(value))
    return str(value) if isinstance(value, (int, float)) else None


def labels_of_value(value: object) -> list[str] | None:
    """Return the labels that a value holds.

    Args:
        value: A text, a list of texts, an object with ``choices``, ``taxonomy``, ``label``,
            ``rectanglelabels`` and the like, or a list of such objects. ``None`` is no label.

    Returns:
        The labels; ``None`` if the value is something else.
    """
    if value is None:
        return []
    if isinstance(value, dict):
        return _labels_of_object(value)
    if isinstance(value, list):
        return _joined([labels_of_value(item) for item in value])
    text = text_of(value)
    return None if text is None else [text]


def _labels_of_object(value: dict) -> list[str] | None:
    keys = [k for k in value if isinstance(k, str) and (k in _KEYS or k.endswith('labels'))]
    if not keys:
        return None
    return _joined(
        [
            list(_leaves(value[key])) if key == 'taxonomy' else labels_of_value(value[key])
            for key in keys
        ]
    )


def _leaves(taxonomy: object) -> Iterator[str]:
    """Yield the last part of each path of a taxonomy: ``[['animal', 'cat']]`` is cat."""
    for path in taxonomy if isinstance(taxonomy, list) else ():
        last = path[-1] if isinstance(path, list) and path else path
        if isinstance(last, str):
            yield last


def _joined(parts: list[list[str] | None]) -> list[str] | None:
    """Return the labels of all parts; ``None`` if one holds something else."""
    if any(part is None for part in parts):
        return None
    return list(dict.fromkeys(label for part in parts for label in part or ()))
