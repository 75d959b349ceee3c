"""Note what the stages of a plan cost: python -m benchmarks.plan_costs WORK_DIR COSTS.

WORK_DIR is that of a finished run, COSTS the file that the plan names. Stages that did not run, or
that --stages leaves out, keep what COSTS says of them, so that a run of comparators adds to it.
"""

import argparse
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import torch

from benchmarks.machine import describe
from qaclims_mm.console import new_console
from qaclims_mm.schemas.names import counted
from qaclims_mm.schemas.numbers.costs import Cost, Costs, read_costs, write_costs
from qaclims_mm.schemas.numbers.runs import read_runs, runs_path


def main() -> None:
    """Write the file and say how many stages were noted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('work_dir', help='folder that qaclims run has filled')
    parser.add_argument('costs', help='file that is written')
    parser.add_argument('--stages', nargs='+', default=[], help='stages to note; default all')
    args = parser.parse_args()
    number = note_costs(Path(args.work_dir), Path(args.costs), args.stages)
    new_console().print(f'{counted(number, "stage")} noted in {args.costs}')


def note_costs(work_dir: Path, costs: Path, stages: Sequence[str] = ()) -> int:
    """Write the costs of a run, and return of how many stages.

    Args:
        work_dir: Folder of the run.
        costs: File that is written.
        stages: Stages to note; all that ran if empty.
    """
    runs = {k: run for k, run in read_runs(work_dir).items() if not stages or k in stages}
    if missing := sorted(set(stages) - runs.keys()):
        raise SystemExit(f'error: {missing[0]} has not run in {work_dir}; give other --stages.')
    if not runs:
        raise SystemExit(f'error: {runs_path(work_dir)} names no stage; give the folder of a run.')
    known = read_costs(costs) if costs.is_file() else Costs('', {})
    unknown = Cost(None, None)
    # what a stage writes into other folders is not noted
    noted = {
        k: Cost(
            round(run.seconds / 60, 1),
            run.megabytes or known.stages.get(k, unknown).megabytes,
        )
        for k, run in runs.items()
    }
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    day = datetime.fromtimestamp(runs_path(work_dir).stat().st_mtime).astimezone()
    cores = counted(len(os.sched_getaffinity(0)), 'core')
    source = f'measured on {cores}, {describe(device)}, {day:%Y-%m-%d}'
    if set(known.stages) - set(noted):
        source += f'; stages that did not run then: {known.source}'
    write_costs(costs, source, known.stages | noted)
    return len(noted)


if __name__ == '__main__':
    main()
