"""Run all stages of a method: python tools/run_pipeline.py configs/pipelines/NAME.py."""

import argparse

from mmengine.config import Config
from rich.console import Console

from qaclims_mm.apis.pipeline import Pipeline, metrics_table, read_plan, select
from qaclims_mm.engine.launch import run_tool


def main() -> int:
    """Run what is not done, print the table and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='pipeline config')
    parser.add_argument('--work-dir', help='where all stages write')
    parser.add_argument('--from', dest='first', metavar='STAGE', help='first stage')
    parser.add_argument('--to', dest='last', metavar='STAGE', help='last stage')
    parser.add_argument('--seed', type=int, default=0, help='of the trainings')
    args = parser.parse_args()
    root, stages = read_plan(args.config, args.work_dir)
    console = Console()
    pipeline = Pipeline(root, args.seed, console)
    status = pipeline.run(select(stages, args.first, args.last))
    table = Config.fromfile(args.config).table
    metrics = pipeline.collect_metrics(stages)
    console.print(metrics_table(metrics, table.rows, table.columns))
    pictures = sorted(str(p) for p in root.glob('*.png'))
    console.print(f'numbers:  {root}/metrics.json')
    console.print(f'pictures: {", ".join(pictures) or "none"}')
    return status


if __name__ == '__main__':
    run_tool(main)
