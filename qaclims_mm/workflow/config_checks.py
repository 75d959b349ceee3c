"""Check the configs of stages before the first stage runs."""

from collections.abc import Iterable
from pathlib import Path

from qaclims_mm.engine.config import read_config
from qaclims_mm.engine.config_classes import check_class_names
from qaclims_mm.engine.config_keys import check_keys
from qaclims_mm.workflow.stage import Stage


def check_configs(stages: Iterable[tuple[Stage, Path]]) -> None:
    """Refuse the configs that a stage would refuse when its turn comes, perhaps after hours.

    Args:
        stages: Stages, each with its work dir. Those of one config are checked once.

    Raises:
        ConfigError: If a config has an option that nothing reads, or names a class that its
            datasets do not have.
        FormatError: If the tables of a project are missing or wrong.
    """
    checked = set()
    for stage, root in stages:
        if stage.config is None or stage.config in checked:
            continue
        checked.add(stage.config)
        cfg = read_config(stage.config, str(root / stage.name), root=root, masks=stage.masks)
        check_keys(cfg)
        check_class_names(cfg)
