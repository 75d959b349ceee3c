"""Time a stage against a plain reference: python -m benchmarks STAGE|all [--size tiny].

All ways run in turn in one process, so that a ratio holds when the machine's speed drifts.
"""

import argparse
import json
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.case import Report, run_case
from benchmarks.coco_scale import Step, run_coco_scale
from benchmarks.stages import SIZES, STAGES
from qaclims_mm.cli._execute import run_tool
from qaclims_mm.console import new_console, styled

WIDTH = 110


def main() -> int:
    """Run the benchmarks, print their tables; return 1 if one is below half of its bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('stage', choices=[*STAGES, 'all', 'coco_scale'])
    parser.add_argument('--size', choices=SIZES, default='full', help='tiny takes seconds')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--rounds', type=int, default=3, help='how often each way runs, in turn')
    parser.add_argument('--json', action='store_true', help='print numbers for programs')
    args = parser.parse_args()
    # a log file has 80 columns, in which no row fits
    console = new_console(stderr=args.json, width=max(WIDTH, new_console().width))
    if args.stage == 'coco_scale':
        console.print(make_scale_table(*run_coco_scale()))
        return 0
    device = torch.device(args.device)
    reports = {}
    for stage in STAGES if args.stage == 'all' else [args.stage]:
        reports[stage] = run_case(STAGES[stage](args.size, device), device, args.rounds)
        show_report(console, stage, reports[stage])
    if args.json:
        print(json.dumps({k: as_dict(r) for k, r in reports.items()}, indent=1))  # noqa: T201
    return report_shortfalls(reports, console)


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


def as_dict(report: Report) -> dict[str, Any]:
    """Return a report's numbers; seconds, bytes, FLOPs and their rates a second."""
    case = report.case
    return dict(
        work=case.work,
        device=report.device,
        flops=report.flops,
        flop_rate=report.flop_rate,
        traffic=case.traffic,
        byte_rate=report.byte_rate,
        floor=report.floor,
        bar=case.bar,
        memory_bar=case.memory_bar,
        ways={
            way.name: dict(
                seconds=way.seconds,
                peak=way.peak,
                held=way.held,
                per_second=case.items / way.median,
                ratio=report.ratio(way),
                memory_ratio=report.memory_ratio(way),
            )
            for way in report.timings
        },
    )


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
