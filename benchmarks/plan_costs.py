"""Note what the stages of a plan cost: python -m benchmarks.plan_costs WORK_DIR COSTS.

WORK_DIR is that of a finished run, COSTS the file that the plan names. Stages that did not run keep
what COSTS says of them, so that a run of comparators adds to it.
"""

import argparse
import os
from datetime import datetime
from pathlib import Path

import torch

from benchmarks.machine import describe
from qaclims_mm.console import new_console
from qaclims_mm.schemas.numbers.costs import Cost, Costs, read_costs, write_costs
from qaclims_mm.schemas.numbers.runs import read_runs, runs_path


def main() -> None:
    """Write the file and say how many stages were noted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('work_dir', help='folder that qaclims run has filled')
    parser.add_argument('costs', help='file that is written')
    args = parser.parse_args()
    number = note_costs(Path(args.work_dir), Path(args.costs))
    new_console().print(f'{number} stages noted in {args.costs}')


def note_costs(work_dir: Path, costs: Path) -> int:
    """Write the costs of a run, and return of how many stages."""
    runs = read_runs(work_dir)
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
    cores = len(os.sched_getaffinity(0))
    source = f'measured on {cores} cores, {describe(device)}, {day:%Y-%m-%d}'
    if set(known.stages) - set(noted):
        source += f'; stages that did not run then: {known.source}'
    write_costs(costs, source, known.stages | noted)
    return len(noted)


if __name__ == '__main__':
    main()
