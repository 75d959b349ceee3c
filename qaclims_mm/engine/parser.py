"""The command-line flags that all stages share."""

import argparse
import json
from typing import Any

from mmengine.config import DictAction

from qaclims_mm.engine.trust import CONFIGS_ARE_CODE
from qaclims_mm.paths import config_file

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')


class StageParser(argparse.ArgumentParser):
    """Parses the flags of a stage; its config may be given by the name of one that ships."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse, then find the config, so that a wrong flag is named first.

        Raises:
            ConfigError: If there is no such config.
        """
        found, others = super().parse_known_args(args, namespace)
        found.config = config_file(found.config)
        return found, others


class OptionsAction(DictAction):
    """Reads ``key=value`` as mmengine does, and a value in double quotes as the text that it is.

    mmengine takes blanks out of a path and splits it at its commas.
    """

    @staticmethod
    def _parse_iterable(val: str) -> Any:
        if len(val) > 1 and val[0] == val[-1] == '"':
            return json.loads(val)
        return DictAction._parse_iterable(val)


def base_parser(description: str) -> StageParser:
    """Return a parser with the flags every stage has."""
    parser = StageParser(description=description, epilog=CONFIGS_ARE_CODE)
    parser.add_argument('config', help='config file, or the name of one that ships')
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
