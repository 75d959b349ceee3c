"""Compare the rows of suites over seeds: qaclims ablate table4_losses --seeds 0 1 2.

Each seed has a folder of the pipeline below --work-dir, which qaclims run fills too; what is
done there is not done again. The tables are in WORK_DIR/ablations: Markdown, CSV and JSON.
"""

import argparse

from qaclims_mm.console import new_console
from qaclims_mm.engine.trust import CONFIGS_ARE_CODE
from qaclims_mm.paths import config_file


def main() -> int:
    """Run what is not done, print the tables and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=CONFIGS_ARE_CODE)
    parser.add_argument('suites', nargs='+', help='names in configs/suites, or files')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0], help='default 0')
    parser.add_argument(
        '--pipeline',
        default='configs/pipelines/miniworld_qa-clims.py',
        help='pipeline config, or the name of one that ships; default that of MiniWorld',
    )
    parser.add_argument(
        '--work-dir', default='work_dirs', help='folder of the seeds; default work_dirs'
    )
    parser.add_argument(
        '--jobs', type=int, default=1, help='stages at once, each with its share of the machine'
    )
    parser.add_argument('--dry-run', action='store_true', help='print the stages, run nothing')
    parser.add_argument('--launcher', default='none', help='none, pytorch or slurm, for a stage')
    parser.add_argument('--ranks', type=int, default=1, help='with a launcher: how many')
    args = parser.parse_args()
    if args.jobs < 1:
        parser.error(f'--jobs must be at least 1, but got {args.jobs}')
    if min(args.seeds) < 0:
        parser.error(f'--seeds must be at least 0, but got {min(args.seeds)}')
    # these take seconds, and --help does not need them
    from qaclims_mm.workflow.ablation import Ablation, find_suite
    from qaclims_mm.workflow.plan import Launch
    from qaclims_mm.workflow.processes import exit_when_terminated

    try:
        launch = Launch(args.launcher, args.ranks)
    except ValueError as error:
        parser.error(str(error))
    console = new_console()
    suites = [find_suite(name) for name in args.suites]
    ablation = Ablation(
        config_file(args.pipeline), suites, args.seeds, args.work_dir, args.jobs, launch, console
    )
    if args.dry_run:
        console.print(ablation.overview())
        return 0
    with exit_when_terminated():
        status = ablation.run()
    for table in ablation.tables():
        console.print(table)
    for path in ablation.write():
        console.print(f'written: {path}', soft_wrap=True)
    return status
