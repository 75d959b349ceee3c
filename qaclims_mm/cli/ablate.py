"""Compare the rows of suites over seeds: qaclims ablate table4_losses --seeds 0 1 2 3 4.

The stages run as with qaclims run, each seed in WORK_DIR/seedN; what is done there is not done
again. The tables are in WORK_DIR/ablations: Markdown, CSV and JSON.
"""

import argparse
import sys

from qaclims_mm.cli.run import add_options, options_of, parse
from qaclims_mm.console import new_console
from qaclims_mm.engine.trust import CONFIGS_ARE_CODE
from qaclims_mm.paths import config_file


def main() -> int:
    """Run what is not done, print the tables and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=CONFIGS_ARE_CODE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('suites', nargs='+', help='names in configs/suites, or files')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0], help='default 0')
    parser.add_argument(
        '--plan',
        default='configs/pipelines/miniworld_qa-clims.py',
        help='plan, or the name of one that ships; default that of MiniWorld',
    )
    parser.add_argument(
        '--work-dir', default='work_dirs', help='folder of the seeds; default work_dirs'
    )
    parser.add_argument(
        '--join',
        metavar='FOLDER',
        nargs='+',
        default=[],
        help='folders with results of the same suites over other seeds, as another machine has '
        'written them; the tables then have all seeds',
    )
    add_options(parser)
    args = parse(parser, sys.argv[1:])
    # these take seconds, and --help does not need them
    from qaclims_mm.cli._needs import check_needs
    from qaclims_mm.visualization.ablation_tables import table_of
    from qaclims_mm.workflow.face import Workflow
    from qaclims_mm.workflow.results import Ablation, find_suite

    console = new_console()
    suites = [find_suite(name) for name in args.suites]
    ablation = Ablation(config_file(args.plan), suites, args.seeds, args.work_dir, args.join)
    # a row that fails is told in the tables, beside the others
    goes_on, args.keep_going = args.keep_going, True
    workflow = Workflow(ablation.graph, options_of(args), console)
    workflow.check()
    console.print(workflow.overview())
    for line in ablation.joined_lines():
        console.print(line, soft_wrap=True)
    if args.dry_run:
        return 0
    check_needs(workflow.graph, console, goes_on)
    status = workflow.run()
    for found in ablation.results():
        console.print(table_of(found))
    for path in ablation.write():
        console.print(f'written: {path}', soft_wrap=True)
    return status
