"""Run everything on MiniWorld, from pictures to a report: qaclims quickstart.

It draws MiniWorld into data/miniworld and works in work_dirs/miniworld, both in the current folder.
An interrupted run resumes when the command is given again. Flags of qaclims run are taken too.
"""

import argparse
import os
import sys

PLAN = 'configs/pipelines/miniworld_qa-clims.py'


def main() -> int:
    """Run the plan up to its report and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--work-dir', help='folder of all stages; default work_dirs/miniworld')
    parser.add_argument('--seed', type=int, help='seed of the trainings; default 0')
    parser.add_argument(
        '--jobs', type=int, help='stages at once; default 2, on one core or with one GPU 1'
    )
    parser.add_argument('--dry-run', action='store_true', help='print the plan, run nothing')
    args, _ = parser.parse_known_args()
    # after the flags are read: this takes seconds
    from qaclims_mm.cli import run
    from qaclims_mm.cores import number_of_cores
    from qaclims_mm.workflow.machine import visible_gpus

    # the chain has two arms, but its longest stage runs alone and then has all cores
    jobs = [] if args.jobs or visible_gpus() else ['--jobs', str(min(2, number_of_cores()))]
    os.environ.setdefault('OMP_NUM_THREADS', str(number_of_cores()))
    sys.argv[1:] = [PLAN, '--to', 'report', *jobs, *sys.argv[1:]]
    return run.main()
