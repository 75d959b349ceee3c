"""Check what a config gives by class, such as ``{class: other names}``."""

from collections.abc import Iterable, Mapping, Sequence

from qaclims_mm.errors import ConfigError
from qaclims_mm.schemas.names import counted, hint_of_name, shown_name


def read_class_texts(option: str, value: object) -> dict[str, tuple[str, ...]]:
    """Return the texts of each class.

    Args:
        option: Name of the option, for the message.
        value: ``{class: list of texts}``.

    Raises:
        ConfigError: If the value is anything else, or a text is blank.
    """
    if not isinstance(value, Mapping):
        raise ConfigError(f'{option} must be {{class: list of texts}}, but got {value!r}.')
    return {name: read_texts(f'{option} of {shown_name(str(name))}', value[name]) for name in value}


def read_texts(what: str, value: object) -> tuple[str, ...]:
    """Return a list of texts.

    Args:
        what: Name of the list, for the message.
        value: List of texts. One text is no list: its letters would be taken for texts.

    Raises:
        ConfigError: If it is anything else, or a text is blank.
    """
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f'{what} must be a list of texts, but got {value!r}.')
    for text in value:
        if not isinstance(text, str) or not text.strip():
            raise ConfigError(f'{what} must be a list of texts, but has {text!r}.')
    return tuple(value)


def check_known_classes(option: str, names: Iterable[str], classes: Sequence[str]) -> None:
    """Refuse names that are no classes, such as misspelt ones.

    Args:
        option: Name of the option, for the message.
        names: Names that the option gives.
        classes: Class names without the background.

    Raises:
        ConfigError: If there is one; the message has the nearest class.
    """
    for name in names:
        if name not in classes:
            shown = shown_name(str(name))
            raise ConfigError(
                f'{option} names the class {shown}, which does not exist; '
                f'{hint_of_name(str(name), classes)}'
            )


def check_same_classes(option: str, names: Sequence[str], classes: Sequence[str]) -> None:
    """Refuse names that are not exactly the classes, in their order.

    Args:
        option: Name of the option, for the message.
        names: Names that the option gives.
        classes: Class names without the background.

    Raises:
        ConfigError: If they differ.
    """
    check_known_classes(option, names, classes)
    for number, (name, right) in enumerate(zip(names, classes, strict=False)):
        if name != right:
            raise ConfigError(
                f'{option} must have the classes in the order of the dataset, but number {number} '
                f'is {shown_name(name)} in place of {shown_name(right)}.'
            )
    if len(names) != len(classes):
        raise ConfigError(
            f'{option} must name the {counted(len(classes), "class")} of the dataset, but names '
            f'{len(names)}.'
        )
