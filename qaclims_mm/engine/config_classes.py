"""Find names of classes in a config that its datasets do not have.

Texts of a misspelt class would have no effect without a message.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mmengine.config import Config

from qaclims_mm.engine.config_keys import LOADERS, class_of, dicts_of, source_of
from qaclims_mm.schemas.class_texts import check_known_classes, check_same_classes


def check_class_names(cfg: Config, options: Mapping[str, Any] | None = None) -> None:
    """Refuse options of a config that name classes which its datasets do not have.

    A registered class tells which of its options are ``{class: texts}`` in the attribute
    ``BY_CLASS``, and which list all classes in ``ALL_CLASSES``. Both are tuples of dotted names.

    Args:
        cfg: Config of a stage. No image is read.
        options: Options of the command line that are merged into it already.

    Raises:
        ConfigError: If there is such a name; the message has the nearest class.
        FormatError: If the names are needed, and the tables of the project are missing or wrong.
    """
    named = list(_named_classes(cfg))
    classes = _classes_of(cfg) if named else ()
    # a dataset of another package may have no names
    for option, names, check in named if classes else ():
        check(f'{source_of(option, cfg, options)}: {option}', names, classes)


def _named_classes(cfg: Config) -> Iterator[tuple[str, Any, Callable[..., None]]]:
    """Yield each option that names classes: its dotted name, the names, and their check."""
    for place, node in dicts_of(cfg.to_dict(), ''):
        kind = class_of(node['type']) if isinstance(node.get('type'), str) else None
        for name in getattr(kind, 'BY_CLASS', ()):
            # some options are lists for all classes instead
            if isinstance(value := _value_at(node, name), Mapping):
                yield f'{place}.{name}', value, check_known_classes
        for name in getattr(kind, 'ALL_CLASSES', ()):
            if value := _value_at(node, name):
                yield f'{place}.{name}', value, check_same_classes


def _value_at(node: Any, name: str) -> Any:
    """Return the value of a dotted name below a dict; ``None`` if there is none."""
    for part in name.split('.'):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def _classes_of(cfg: Config) -> tuple[str, ...]:
    """Return the classes of the last dataset that has some, without the background.

    A leaf that only tests may inherit the training data of another dataset.
    """
    # this imports mmseg, which configs without such options do not need
    from qaclims_mm.datasets.class_names import class_names_of

    for loader in reversed(LOADERS):
        dataset = (cfg.get(loader) or {}).get('dataset') or {}
        while dataset.get('dataset'):
            dataset = dataset['dataset']
        names = class_names_of(dataset) if dataset.get('type') else ()
        if names:
            return names[1:]
    return ()
