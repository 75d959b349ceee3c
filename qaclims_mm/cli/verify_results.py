"""Repeat a row of the published results: qaclims verify-results qa_clims.

It trains the row and says of each number whether it lies where one more training would lie in 19 of
20 cases, given the stored numbers. The status is 1 if the first one does not. An interrupted run
resumes. Flags of qaclims run are taken too.
"""

import argparse
import sys
from itertools import count

from qaclims_mm.cli.run import add_options, options_of, parse
from qaclims_mm.console import new_console
from qaclims_mm.errors import EXIT_BAD_RECORDS
from qaclims_mm.paths import config_file, results_folder


def main() -> int:
    """Run what is not done, print the table and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'row',
        nargs='?',
        default='qa_clims',
        help='row: a key of variants in configs/suites/SUITE.py; default qa_clims',
    )
    parser.add_argument('--suite', default='table1_cams', help='default table1_cams')
    parser.add_argument(
        '--seed',
        dest='seeds',
        type=int,
        nargs=1,
        help='of the training; by default the first seed that is not stored',
    )
    parser.add_argument(
        '--results', metavar='FOLDER', help='folder of SUITE.json; by default the published results'
    )
    parser.add_argument(
        '--work-dir', default='work_dirs/verified', help='default work_dirs/verified'
    )
    add_options(parser)
    args = parse(parser, sys.argv[1:])
    # these take seconds, and --help does not need them
    from qaclims_mm.cli._needs import check_needs
    from qaclims_mm.schemas.numbers.ablation_reading import read_results
    from qaclims_mm.workflow.face import Workflow
    from qaclims_mm.workflow.results import Ablation, find_suite
    from qaclims_mm.workflow.verifying import verified_table, verify_row

    console = new_console()
    suite = find_suite(args.suite)
    stored = read_results(f'{args.results or results_folder()}/{suite.stem}.json')
    # one of the stored seeds would be compared with itself
    [seed] = args.seeds or [next(s for s in count() if s not in stored.seeds)]
    plan = config_file(stored.config)
    ablation = Ablation(plan, [suite], [seed], args.work_dir, rows=[args.row])
    workflow = Workflow(ablation.graph, options_of(args), console)
    workflow.check()
    console.print(workflow.overview())
    if args.dry_run:
        return 0
    check_needs(workflow.graph, console)
    status = workflow.run()
    if status not in (0, EXIT_BAD_RECORDS):
        return status
    [measured] = ablation.results()
    found = verify_row(stored, measured, args.row)
    console.print(verified_table(f'{args.row}, seed {seed}', found, seed))
    return 0 if found[0].is_inside else 1
