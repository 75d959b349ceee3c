"""Run all stages of a method: qaclims run PLAN.

PLAN is a project, the name of a plan that ships, or a plan file. Finished stages are skipped, and
interrupted ones resume. Stages whose config, images or labels have changed run again, and so do the
stages that depend on them. Snakemake runs the stages. Its own options follow a --, as in
qaclims run PLAN --jobs 100 -- --executor slurm.
"""

import argparse
import difflib
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qaclims_mm.cli import commands
from qaclims_mm.console import new_console, styled
from qaclims_mm.engine.trust import CONFIGS_ARE_CODE
from qaclims_mm.errors import EXIT_BAD_RECORDS
from qaclims_mm.paths import config_file
from qaclims_mm.schemas.mask_choice import DEFAULT, MASKS_BY
from qaclims_mm.schemas.names import counted

if TYPE_CHECKING:
    from rich.console import Console

    from qaclims_mm.workflow.graph import Options
    from qaclims_mm.workflow.plans import Plan
    from qaclims_mm.workflow.stage import Stage

# problems of corrected masks
SHOWN = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that running a workflow has, whatever its stages."""
    parser.add_argument('--dry-run', action='store_true', help='print the plan, run nothing')
    parser.add_argument(
        '--jobs', type=int, help='stages at once; by default as many as there are GPUs, at least 1'
    )
    parser.add_argument(
        '--ranks', type=int, default=1, help='of each stage that can share its work; default 1'
    )
    parser.add_argument(
        '--nodes', type=int, default=1, help='of a Slurm cluster, for the ranks of a stage'
    )
    parser.add_argument(
        '--shards',
        nargs='+',
        default=[],
        metavar='STAGE=N',
        help='share the images of a test run among N jobs, as qape=8',
    )
    parser.add_argument(
        '--force',
        nargs='+',
        default=[],
        metavar='STAGE',
        help='run these stages again, and those that depend on them; all for all',
    )
    parser.add_argument(
        '--retry-failed',
        action='store_true',
        help='ask again about images without answers, such as images that a model refused. All '
        'answers are kept. Stages that depend on them run again if there are new answers',
    )
    parser.add_argument(
        '--keep-going',
        action='store_true',
        help='continue with stages that do not need a failed one',
    )


def parse(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """Parse a command line; what follows ``--`` becomes ``snakemake``."""
    place = list(words).index('--') if '--' in words else len(words)
    args = parser.parse_args(words[:place])
    args.snakemake = list(words[place + 1 :])
    for name in ('jobs', 'ranks', 'nodes'):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            parser.error(f'--{name} must be at least 1, but got {getattr(args, name)}')
    if any(seed < 0 for seed in args.seeds or []):
        parser.error(f'seeds must be at least 0, but got {min(args.seeds)}')
    return args


def options_of(args: argparse.Namespace) -> 'Options':
    """Return how a workflow runs, as a command line says.

    Raises:
        ConfigError: If ``--shards`` is misspelt.
    """
    from qaclims_mm.errors import ConfigError
    from qaclims_mm.workflow.graph import Options
    from qaclims_mm.workflow.machine import visible_gpus

    pairs = [word.partition('=') for word in args.shards]
    if bad := [''.join(pair) for pair in pairs if not pair[2].isdigit() or int(pair[2]) < 1]:
        raise ConfigError(f'--shards takes STAGE=N, as qape=8, but got {bad[0]}.')
    return Options(
        args.jobs or max(1, len(visible_gpus())),
        args.ranks,
        args.nodes,
        {stage: int(number) for stage, _, number in pairs},
        args.keep_going,
        args.force,
        args.snakemake,
        args.retry_failed,
    )


def check_commands(stages: Sequence['Stage']) -> None:
    """Refuse stages whose sub-command does not exist.

    Raises:
        ConfigError: If there is one.
    """
    from qaclims_mm.errors import ConfigError

    for stage in stages:
        if stage.command not in commands():
            close = difflib.get_close_matches(str(stage.command), commands(), n=1)
            hint = f'did you mean {close[0]}?' if close else 'qaclims --help lists them.'
            raise ConfigError(
                f'stage {stage.name}: there is no sub-command {stage.command!r}; {hint}'
            )


def add_plan_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a plan: where it works, which stages, seeds and masks."""
    parser.add_argument('--work-dir', help='where all stages write')
    parser.add_argument(
        '--from', dest='first', metavar='STAGE', help='this stage and the stages that depend on it'
    )
    parser.add_argument(
        '--to', dest='last', metavar='STAGE', help='this stage and the stages that it needs'
    )
    parser.add_argument(
        '--seed', dest='seeds', type=int, nargs=1, help='of the trainings; default 0'
    )
    parser.add_argument(
        '--seeds',
        type=int,
        nargs='+',
        help='several seeds, each in WORK_DIR/seedN; stages that need no seed run once',
    )
    parser.add_argument(
        '--corrected',
        metavar='DIR',
        help='masks that you have corrected: PNG files or an export of a labelling tool. The '
        'segmentor trains on them, and all masks are scored against them. They are kept for later '
        'runs; none forgets them',
    )
    parser.add_argument(
        '--masks-by',
        choices=MASKS_BY,
        help='masks that the segmentor is trained on: those of IRN (the default of most plans), '
        'PAR or SAM, or those of a text-prompted segmenter, alone, with the answers as further '
        'prompts, or fused with the maps. Later runs keep the choice. qaclims compare recommends '
        'one',
    )


def main() -> int:
    """Run what is not done, print the tables and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=CONFIGS_ARE_CODE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('plan', help='plan, the name of one that ships, or a project')
    add_plan_options(parser)
    add_options(parser)
    return run_plan(parse(parser, sys.argv[1:]))


def run_plan(args: argparse.Namespace) -> int:
    """Run the plan of a parsed command line, print its tables and return the exit status."""
    # these take seconds, and --help does not need them
    from qaclims_mm.cli._needs import check_needs
    from qaclims_mm.schemas.project import PROJECT, read_project_tables
    from qaclims_mm.workflow.face import Workflow
    from qaclims_mm.workflow.failures import failed_stages, stamp_logs
    from qaclims_mm.workflow.graph import Graph
    from qaclims_mm.workflow.masks_by import check_masks
    from qaclims_mm.workflow.plans import read_plan

    path, console = config_file(args.plan), new_console()
    if (Path(path).parent / PROJECT).exists():
        # before the first stage, or in a dry run
        read_project_tables(Path(path).parent)
    seeds = list(dict.fromkeys(args.seeds or [0]))
    base = read_plan(path, args.work_dir).root
    places = {s: base / f'seed{s}' if len(seeds) > 1 else base for s in seeds}
    plans = {s: read_plan(path, place, args.masks_by) for s, place in places.items()}
    stages = {s: plan.select(args.first, args.last) for s, plan in plans.items()}
    check_commands(stages[seeds[0]])
    for plan in plans.values():
        check_masks(plan.stages, plan.root, plan.choice)
    problems = take_corrected(args, base, plans, console)
    workflow = Workflow(Graph(base, plans, stages), options_of(args), console)
    workflow.check()
    console.print(workflow.overview())
    tell_choice(plans[seeds[0]], args.masks_by, console)
    if args.dry_run:
        return EXIT_BAD_RECORDS if problems else 0
    check_needs(workflow.graph, console, args.keep_going)
    keep_choice(plans.values(), args.masks_by)
    before = {seed: stamp_logs(plan.root) for seed, plan in plans.items()}
    status = workflow.run()
    for seed, plan in plans.items():
        if len(seeds) > 1:
            console.print(f'seed {seed}')
        show_results(plan, console)
    for seed, plan in plans.items():
        for why in failed_stages(plan.root, stages[seed], before[seed]).values():
            console.print(styled((why, 'red')), soft_wrap=True)
    return status or (EXIT_BAD_RECORDS if problems else 0)


def take_corrected(
    args: argparse.Namespace, base: Path, plans: 'Mapping[int, Plan]', console: 'Console'
) -> list[str]:
    """Bring corrected masks of work dirs up to date, take in new ones, and say what became of them.

    A dry run says what a run would do.

    Returns:
        One line for each mask that cannot be used.
    """
    from qaclims_mm.review.corrected import FORGET
    from qaclims_mm.workflow.corrected import bring_in, describe, number_anew
    from qaclims_mm.workflow.face import check_work_dir

    for seed, plan in plans.items():
        check_work_dir(plan, seed, 'all' in args.force)
    if args.corrected != FORGET:
        [lines, *_] = [number_anew(plan, base, args.dry_run) for plan in plans.values()]
        for line in lines:
            console.print(line, soft_wrap=True)
    if not args.corrected:
        return []
    # the work dirs of further seeds get the same
    [taken, *_] = [bring_in(p, args.corrected, base, args.dry_run) for p in plans.values()]
    for line in taken.problems[:SHOWN]:
        console.print(f'- {line}', soft_wrap=True)
    if len(taken.problems) > SHOWN:
        console.print(f'and {counted(len(taken.problems) - SHOWN, "more problem")}')
    console.print(describe(taken), soft_wrap=True)
    if args.dry_run:
        console.print('a dry run writes nothing: the plan below is that without these masks')
    return taken.problems


def tell_choice(plan: 'Plan', masks_by: str | None, console: 'Console') -> None:
    """Print which masks the segmentor is trained on, unless they are IRN's as in most plans."""
    if plan.choice is None or {plan.choice.masks_by, plan.masks_by} == {DEFAULT}:
        return
    is_of_work_dir = not masks_by and plan.choice.masks_by != plan.masks_by
    back = f', as chosen in an earlier run; --masks-by {plan.masks_by} goes back'
    text = f'the segmentor is trained on the masks of {plan.choice.stage}'
    console.print(text + back * is_of_work_dir, soft_wrap=True)


def keep_choice(plans: 'Iterable[Plan]', masks_by: str | None) -> None:
    """Write a choice of masks into the work dirs, for later runs, reports and exports."""
    from qaclims_mm.schemas.mask_choice import write_choice

    for plan in plans:
        if plan.choice and (masks_by or plan.masks_by != DEFAULT):
            write_choice(plan.root, plan.choice)


def show_results(plan: 'Plan', console: 'Console') -> None:
    """Print the tables of a work dir and what lies where."""
    from qaclims_mm.schemas import METRICS, read_metrics
    from qaclims_mm.workflow.corrected import corrected_tables
    from qaclims_mm.workflow.outcome import what_was_made
    from qaclims_mm.workflow.tables import metrics_table

    path = plan.root / METRICS
    metrics = read_metrics(path) if path.is_file() else {}
    if plan.table['columns'] and metrics.keys() & plan.table['rows'].keys():
        console.print(metrics_table(metrics, **plan.table))
    for table in corrected_tables(plan, metrics):
        console.print(table)
    made = what_was_made(plan)
    width = max(map(len, made), default=0) + 1
    for what, where in made.items():
        console.print(f'{what + ":":<{width}} {where}', soft_wrap=True)
