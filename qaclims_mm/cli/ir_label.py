"""Make the confident labels of activation maps: qaclims ir-label CONFIG [--jobs N].

The config's ``ir_label`` names the folder of the maps, the thresholds and the CRF. The labels go
into ``ir_labels`` in the work dir. An interrupted run resumes.
"""

import argparse
import sys

from qaclims_mm.console import new_console, printable
from qaclims_mm.engine.parser import base_parser
from qaclims_mm.engine.shards import HELP, parse_shard
from qaclims_mm.errors import EXIT_BAD_RECORDS, ConfigError
from qaclims_mm.schemas import join_problems
from qaclims_mm.schemas.names import counted


def main() -> int:
    """Make the labels and return the exit status."""
    parser = base_parser(__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument('--jobs', type=int, metavar='N', help='processes; by default one a core')
    parser.add_argument('--shard', type=parse_shard, metavar='K/N', help=HELP)
    args = parser.parse_args()
    if args.jobs is not None and args.jobs < 1:
        parser.error(f'--jobs must be at least 1, but got {args.jobs}')
    if args.launcher != 'none':
        raise ConfigError('ir-label starts its processes itself; run it without --launcher.')
    # these take seconds, and --help does not need them
    from qaclims_mm.engine.config import load_config
    from qaclims_mm.engine.ir_labels import make_ir_labels

    done = make_ir_labels(load_config(args), args.jobs, args.shard)
    if done.failed:
        lines = [f'{image_id}: {reason}' for image_id, reason in sorted(done.failed.items())]
        problems = join_problems(lines, 'record', 'could not be used', shown=50)
        sys.stderr.write(printable(f'{problems}\n'))
    part = f' of shard {args.shard}' if args.shard else ''
    new_console().print(
        f'{counted(done.images - len(done.failed), "label")}{part} in {done.folder} '
        f'({done.kept} there already, {len(done.failed)} failed)'
    )
    return EXIT_BAD_RECORDS if done.failed else 0
