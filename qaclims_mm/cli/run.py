"""Run all stages of a method: qaclims run configs/pipelines/NAME.py."""

import argparse

from qaclims_mm.console import new_console
from qaclims_mm.engine.trust import CONFIGS_ARE_CODE
from qaclims_mm.paths import config_file


def main() -> int:
    """Run what is not done, print the table and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=CONFIGS_ARE_CODE)
    parser.add_argument('config', help='pipeline config, or the name of one that ships')
    parser.add_argument('--work-dir', help='where all stages write')
    parser.add_argument('--from', dest='first', metavar='STAGE', help='first stage')
    parser.add_argument('--to', dest='last', metavar='STAGE', help='last stage')
    parser.add_argument('--seed', type=int, default=0, help='of the trainings')
    parser.add_argument('--dry-run', action='store_true', help='print the plan, run nothing')
    parser.add_argument(
        '--launcher', default='none', help='none, pytorch (ranks on this machine) or slurm (srun)'
    )
    parser.add_argument('--ranks', type=int, default=1, help='with a launcher: how many')
    args = parser.parse_args()
    # these take seconds, and --help does not need them
    from qaclims_mm.schemas.project import PROJECT, read_project_tables
    from qaclims_mm.workflow.forked import can_fork
    from qaclims_mm.workflow.pipeline import Pipeline
    from qaclims_mm.workflow.plan import Launch, read_plan
    from qaclims_mm.workflow.processes import exit_when_terminated
    from qaclims_mm.workflow.tables import metrics_table

    plan, console = read_plan(config_file(args.config), args.work_dir), new_console()
    folder = plan.path.parent
    if (folder / PROJECT).exists():
        # before the first stage, or in a dry run
        read_project_tables(folder)
    stages = plan.select(args.first, args.last)
    try:
        launch = Launch(args.launcher, args.ranks)
    except ValueError as error:
        parser.error(str(error))
    pipeline = Pipeline(plan, args.seed, launch, console, fork=can_fork())
    if args.dry_run:
        console.print(pipeline.overview(stages))
        return 0
    with exit_when_terminated():
        status = pipeline.run(stages)
    metrics, root = pipeline.collect_metrics(plan.stages), plan.root
    if plan.table['columns']:
        console.print(metrics_table(metrics, **plan.table))
    made = pipeline.made()
    # of a project of one's own
    classes = plan.path.with_name('classes.csv')
    if classes.is_file():
        made['values of masks'] = str(classes)
    made = {**made, 'numbers': f'{root}/metrics.json'}
    if pictures := sorted(str(p) for p in root.glob('*.png')):
        made['pictures'] = ', '.join(pictures)
    if (root / 'report.html').is_file():
        made['report'] = f'{root}/report.html'
    width = max(map(len, made)) + 1
    for what, where in made.items():
        console.print(f'{what + ":":<{width}} {where}', soft_wrap=True)
    return status
