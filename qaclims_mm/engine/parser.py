"""The command-line flags that all stages share."""

import argparse
import json
from typing import Any

from mmengine.config import DictAction

from qaclims_mm.engine.trust import CONFIGS_ARE_CODE
from qaclims_mm.paths import config_file

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')


class ConfigFile(argparse.Action):
    """Turns the argument into the file of a config, see ``config_file``."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Store the file."""
        setattr(namespace, self.dest, config_file(values))


class OptionsAction(DictAction):
    """Reads ``key=value`` as mmengine does, and a value in double quotes as the text that it is.

    mmengine takes blanks out of a path and splits it at its commas.
    """

    @staticmethod
    def _parse_iterable(val: str) -> Any:
        if len(val) > 1 and val[0] == val[-1] == '"':
            return json.loads(val)
        return DictAction._parse_iterable(val)


def base_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the flags every stage has."""
    parser = argparse.ArgumentParser(description=description, epilog=CONFIGS_ARE_CODE)
    parser.add_argument(
        'config', action=ConfigFile, help='config file, or the name of one that ships'
    )
    parser.add_argument('--work-dir', help='where logs, checkpoints and files go')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionsAction,
        help='override config values, key=value; lists as key="[a,b]"',
    )
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none', help='job launcher')
    parser.add_argument('--strict', action='store_true', help='stop at the first bad record')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help='set by torchrun')
    return parser
