"""Time a stage against a plain reference: python -m benchmarks STAGE|all [--size tiny].

All ways run in turn in one process, so that a ratio holds when the machine's speed drifts.
"""

import argparse
import shlex
import sys
from collections.abc import Iterable

import torch
from rich.console import Console

from benchmarks.case import Report, run_case
from benchmarks.coco_scale import Step, run_coco_scale
from benchmarks.growth import AXES, rates, slope_of
from benchmarks.stages import GROWTHS, SIZES, STAGES
from benchmarks.stored import Growth, origin_of, stage_of, write_numbers
from qaclims_mm.cli._execute import run_tool
from qaclims_mm.console import Table, new_console, styled

WIDTH = 110


def main() -> int:
    """Run the benchmarks, print their tables; return 1 if one is below half of its bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('stage', choices=[*STAGES, 'all', 'coco_scale'])
    parser.add_argument('--size', choices=SIZES, default='full', help='tiny takes seconds')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--rounds', type=int, default=3, help='how often each way runs, in turn')
    parser.add_argument(
        '--measure',
        nargs='+',
        choices=('ways', 'growth'),
        default=['ways'],
        help='ways of working against a reference, how the time grows with the size, or both',
    )
    parser.add_argument('--out', metavar='FOLDER', help='store the numbers as JSON, a file a stage')
    args = parser.parse_args()
    # a log file has 80 columns, in which no row fits
    console = new_console(width=max(WIDTH, new_console().width))
    if args.stage == 'coco_scale':
        console.print(make_scale_table(*run_coco_scale()))
        return 0
    chosen = STAGES if args.stage == 'all' else [args.stage]
    reports = measure_ways(chosen, args, console) if 'ways' in args.measure else {}
    if 'growth' in args.measure:
        measure_growth([k for k in chosen if k in GROWTHS], args, console)
    return report_shortfalls(reports, console)


def measure_ways(
    stages: Iterable[str], args: argparse.Namespace, console: Console
) -> dict[str, Report]:
    """Measure the ways of stages; store and print their numbers."""
    device, reports = torch.device(args.device), {}
    for stage in stages:
        report = run_case(STAGES[stage](args.size, device), device, args.rounds)
        show_report(console, stage, report)
        if args.out:
            origin = origin_of(command_line(), device, torch.get_num_threads())
            write_numbers(args.out, stage, stage_of(report, origin))
        reports[stage] = report
    return reports


def measure_growth(stages: Iterable[str], args: argparse.Namespace, console: Console) -> None:
    """Measure how stages grow, on one thread of the CPU; store and print their numbers."""
    origin = origin_of(command_line(), torch.device('cpu'), 1)
    machine = rates()
    for stage in stages:
        axis = AXES[stage]
        growth = Growth(origin, axis.unit, *machine, GROWTHS[stage](axis.of(args.size)))
        show_growth(console, stage, growth)
        if args.out:
            write_numbers(args.out, stage, growth)


def command_line() -> str:
    """Return the command that runs."""
    return shlex.join(['python', '-m', 'benchmarks', *sys.argv[1:]])


def report_shortfalls(reports: dict[str, Report], console: Console) -> int:
    """Print which stages are below half of a bar; return 1 if there is one."""
    lines = [f'{k}: {line}' for k, report in reports.items() for line in report.shortfalls()]
    if lines:
        console.print('below half of the bar: ' + '; '.join(lines))
    return int(bool(lines))


def show_report(console: Console, stage: str, report: Report) -> None:
    """Print what each way took; the last one is the reference."""
    case = report.case
    console.print(styled((stage, 'bold'), f': {case.work}; {report.device}'))
    console.print(
        f'least time {report.floor:.3g} s: {report.flops / 1e9:.3g} GFLOP at '
        f'{report.flop_rate / 1e9:.3g} GFLOP/s, {case.traffic / 1e6:.3g} MB at '
        f'{report.byte_rate / 1e9:.3g} GB/s'
    )
    table = Table('way')
    memory = ('peak', 'held') if case.memory == 'held' else ('peak',)
    megabytes = [f'{kind} MB' for kind in memory]
    for heading in ('s', 'min to max', f'{case.unit}/s', *megabytes, 'of least', 'speed', 'memory'):
        table.add_column(heading, justify='right', no_wrap=True)
    for way in report.timings:
        table.add_row(
            way.name,
            f'{way.median:.3f}',
            f'{min(way.seconds):.3f} to {max(way.seconds):.3f}',
            f'{case.items / way.median:.3g}',
            *(f'{getattr(way, kind) / 1e6:.0f}' for kind in memory),
            f'{report.floor / way.median:.1%}',
            f'{report.ratio(way):.2f}x',
            f'{report.memory_ratio(way):.2f}x',
        )
    console.print(table)


def show_growth(console: Console, stage: str, growth: Growth) -> None:
    """Print the CPU time at each size, and the slope."""
    console.print(
        styled((stage, 'bold'), f': slope {slope_of(growth.points):.2f} over {growth.unit}')
    )
    table = Table()
    for heading in (growth.unit, 'CPU s', 'peak MB', 'of least'):
        table.add_column(heading, justify='right', no_wrap=True)
    for point in growth.points:
        seconds, least = point['seconds'], growth.least(point)
        megabytes = f'{point["bytes"] / 1e6:.0f}'
        table.add_row(f'{point["size"]}', f'{seconds:.4f}', megabytes, f'{least / seconds:.1%}')
    console.print(table)


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
