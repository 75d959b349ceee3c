"""Check the configs of stages before the first stage runs."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from qaclims_mm.engine.config import read_config
from qaclims_mm.engine.config_classes import check_class_names
from qaclims_mm.engine.config_keys import check_keys
from qaclims_mm.errors import ConfigError
from qaclims_mm.workflow.stage import Stage


def check_configs(stages: Iterable[tuple[Stage, Path]]) -> None:
    """Refuse the configs that a stage would refuse when its turn comes, perhaps after hours.

    Args:
        stages: Stages, each with its work dir. Those of one config are checked once.

    Raises:
        ConfigError: If a config has an option that nothing reads, or names a class that its
            datasets do not have, or no config reads the ``labels_file`` of the plan.
        FormatError: If the tables of a project are missing or wrong.
    """
    checked: dict[str, bool] = {}
    labels = ''
    for stage, root in stages:
        if stage.config is None or stage.config in checked:
            continue
        place, labels = str(root / stage.name), stage.labels
        cfg = read_config(stage.config, place, None, root, stage.masks, labels)
        check_keys(cfg)
        check_class_names(cfg)
        checked[stage.config] = labels in _values_of(cfg.to_dict(), 'labels_file')
    if labels and not any(checked.values()):
        raise ConfigError(
            f'no data set of the plan reads its labels_file {labels!r}; only those of VOC do, so '
            'take it out.'
        )


def _values_of(node: Any, name: str) -> Iterator[Any]:
    """Yield the values of a key anywhere in a config."""
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == name)
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for value in node:
            yield from _values_of(value, name)
