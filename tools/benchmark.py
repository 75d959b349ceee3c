"""Time a stage against a plain reference: python tools/benchmark.py STAGE.

Both ways run in turn in one process, so that a ratio holds when the machine's speed drifts.
"""

import argparse

from rich.console import Console
from rich.table import Table

from qaclims_mm.apis.benchmark import BENCHMARKS, Timing
from qaclims_mm.apis.coco_scale import Step, run_coco_scale
from qaclims_mm.engine.launch import run_tool


def main() -> None:
    """Run one benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('stage', choices=[*sorted(BENCHMARKS), 'coco_scale'])
    parser.add_argument('--rounds', type=int, default=3, help='how often each way runs, in turn')
    args = parser.parse_args()
    if args.stage == 'coco_scale':
        Console().print(make_scale_table(*run_coco_scale()))
        return
    Console().print(make_table(args.stage, BENCHMARKS[args.stage](args.rounds)))


def make_table(stage: str, timings: list[Timing]) -> Table:
    """Return seconds and ratios; the last way is the reference."""
    table = Table('way', title=stage)
    for heading in ('median s', 'min s', 'max s', 'reference / this'):
        table.add_column(heading, justify='right')
    reference = timings[-1].median
    for timing in timings:
        row = (timing.median, min(timing.seconds), max(timing.seconds))
        numbers = [f'{s:.3f}' for s in row]
        table.add_row(timing.name, *numbers, f'{reference / timing.median:.2f}')
    return table


def make_scale_table(steps: list[Step], counts: dict[str, int]) -> Table:
    """Return what each step took."""
    title = ', '.join(f'{number} {name}' for name, number in counts.items())
    table = Table('step', title=f'COCO, simulated: {title}')
    for heading in ('s', 'peak GB'):
        table.add_column(heading, justify='right')
    for step in steps:
        table.add_row(step.name, f'{step.seconds:.2f}', f'{step.gigabytes:.2f}')
    return table


if __name__ == '__main__':
    run_tool(main)
