"""Reads a stage's config and applies the flags of the command line."""

import argparse
import contextlib
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope

from qaclims_mm.engine.compat import mend_openmmlab
from qaclims_mm.engine.config_classes import check_class_names
from qaclims_mm.engine.config_file import check_config_file, execute_config
from qaclims_mm.engine.config_keys import COMMAND_LINE, check_keys, check_options, check_top_keys
from qaclims_mm.paths import config_file
from qaclims_mm.schemas.run_environment import environment
from qaclims_mm.schemas.secrets import check_no_secrets


def load_config(args: argparse.Namespace) -> Config:
    """Read the config that a command line names and apply its flags.

    Raises:
        ConfigError: If the file does not exist or cannot be read, or has a key that nothing reads
            or a class that its datasets do not have.
    """
    cfg = read_config(args.config, args.work_dir, args.cfg_options)
    cfg.launcher = args.launcher
    check_keys(cfg, args.cfg_options or {})
    check_class_names(cfg, args.cfg_options or {})
    if args.strict:
        _set_strict(cfg)
    return cfg


def read_config(
    path: str | Path,
    work_dir: str | None = None,
    options: dict | None = None,
    root: str | Path | None = None,
    masks: str = '',
    labels: str = '',
) -> Config:
    """Read the config of a stage.

    Args:
        path: The file.
        work_dir: Replaces the config's own; one without any gets ``work_dirs/<name of the file>``.
        options: {dotted key: value} that override values.
        root: Folder in which the stages of a run find each other; by default that of the
            environment variable ``QACLIMS_ROOT``, else the config's own.
        masks: With ``root``, the stage whose masks a segmentor is trained on; '' is the config's
            own.
        labels: With ``root``, the table of labels that VOC's data sets read; '' is their XML files.

    Raises:
        ConfigError: If the file or a base does not exist, is no Python, or has a top-level name
            that nothing reads, an option is none of a config, or a value is a key or password.
    """
    file = check_config_file(config_file(path))
    check_top_keys(file)
    check_options(options or {})
    mend_openmmlab()
    with contextlib.nullcontext() if root is None else environment(str(root), masks, labels):
        cfg = execute_config(file)
    # a runner does this too, but not every command has one
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    check_no_secrets(options or {}, COMMAND_LINE)
    if options:
        cfg.merge_from_dict(options)
    check_no_secrets(cfg.to_dict(), str(file))
    cfg.work_dir = work_dir or cfg.get('work_dir') or f'work_dirs/{file.stem}'
    return cfg


def _set_strict(cfg: Config) -> None:
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if cfg.get(loader):
            cfg[loader].dataset.strict = True
