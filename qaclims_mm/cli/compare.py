"""Compare the masks that a segmentor can be trained on, and recommend one: qaclims compare PLAN.

PLAN is a project, the name of a plan that ships, or a plan file. The command makes the masks of
each choice of qaclims run --masks-by and skips finished stages. If some images have ground truth,
it scores all masks on the same images, with intervals, and recommends a choice. Without ground
truth it shows how far the masks agree; agreement is not correctness. If a choice cannot run, it
reports the reason and compares the others. With --masks-by it makes the masks of some choices, and
compares them with all masks that were made before and are up to date. It writes the page
compare/index.html with pictures into the work dir, and the numbers as comparison.csv and
comparison.json.
"""

import argparse
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from qaclims_mm.cli.run import add_options, check_commands, options_of, parse
from qaclims_mm.console import new_console, styled
from qaclims_mm.engine.trust import CONFIGS_ARE_CODE
from qaclims_mm.errors import EXIT_BAD_RECORDS
from qaclims_mm.paths import config_file
from qaclims_mm.schemas.mask_choice import MASKS_BY
from qaclims_mm.schemas.names import counted

if TYPE_CHECKING:
    from rich.console import Console

    from qaclims_mm.console import Table
    from qaclims_mm.report.compare_page import Comparing
    from qaclims_mm.schemas.numbers.comparison import Comparison
    from qaclims_mm.workflow.plans import Plan


def main() -> int:
    """Make the masks, compare them, write page and tables, and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=CONFIGS_ARE_CODE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('plan', help='plan, the name of one that ships, or a project')
    parser.add_argument('--work-dir', help='where all stages write')
    parser.add_argument(
        '--masks-by',
        nargs='+',
        choices=MASKS_BY,
        default=[],
        help='choices whose masks are made; default all. Masks of other choices are compared, too, '
        'if they are up to date',
    )
    parser.add_argument(
        '--seed', dest='seeds', type=int, nargs=1, default=[0], help='of the trainings; default 0'
    )
    parser.add_argument(
        '--out', help='folder of the page and the tables; default compare in the work dir'
    )
    parser.add_argument(
        '--top', type=int, default=24, help='number of images on the page; default 24'
    )
    add_options(parser)
    args = parse(parser, sys.argv[1:])
    if args.top < 1:
        parser.error(f'--top must be at least 1, but got {args.top}')
    # these take seconds, and --help does not need them
    from qaclims_mm.cli._needs import check_needs
    from qaclims_mm.workflow.comparing import judged_stages, stages_for
    from qaclims_mm.workflow.face import Workflow
    from qaclims_mm.workflow.graph import Graph
    from qaclims_mm.workflow.plans import read_plan

    console, [seed] = new_console(), args.seeds
    plan = read_plan(config_file(args.plan), args.work_dir)
    judged = judged_stages(plan, args.masks_by)
    stages = stages_for(plan, list(judged.values()))
    check_commands(stages)
    # masks that cannot be made are named beside the others
    args.keep_going = True
    workflow = Workflow(Graph(plan.root, {seed: plan}, {seed: stages}), options_of(args), console)
    workflow.check()
    console.print(workflow.overview())
    if args.dry_run:
        return 0
    check_needs(workflow.graph, console, args.keep_going)
    status = workflow.run()
    return compare(plan, judged, args, console) or (EXIT_BAD_RECORDS if status else 0)


def compare(
    plan: 'Plan', judged: Mapping[str, str], args: argparse.Namespace, console: 'Console'
) -> int:
    """Compare the finished masks, write and print the result, and return the exit status.

    Args:
        plan: Plan whose masks are compared.
        judged: {choice: stage whose masks are scored} of the choices that were to be made.
        args: Flags of the command line.
        console: Console for the tables and the verdict.
    """
    from qaclims_mm.report.compare_page import write_compare_page
    from qaclims_mm.schemas.work_dir import COMPARE
    from qaclims_mm.workflow.comparing import finished_choices, judged_stages, stages_for
    from qaclims_mm.workflow.failures import why_missing

    made = finished_choices(plan, args.seeds[0], judged)
    absent = {
        option: why_missing(plan.root, stages_for(plan, [stage]), stage)
        for option, stage in judged_stages(plan).items()
        if option not in made
    }
    # the page keeps what it knew of the choices that were not to be made
    wanted = {option: why or 'it was not run' for option, why in absent.items() if option in judged}
    if not made:
        show_absent(wanted, console)
        return 1
    absent = {option: why for option, why in (absent | wanted).items() if why}
    words = [args.plan, *(['--work-dir', args.work_dir] if args.work_dir else [])]
    comparing = gather(plan, made, absent)._replace(command=shlex.join(words))
    out = Path(args.out) if args.out else plan.root / COMPARE
    paths = comparing.compared.comparison.write(out)
    write_compare_page(out / 'index.html', comparing, args.top)
    if known := [option for option in made if option not in judged]:
        console.print(f'made before and up to date: {", ".join(known)}', soft_wrap=True)
    show(comparing, console)
    for what, path in zip(('page', 'numbers', 'table'), (out / 'index.html', *paths), strict=True):
        console.print(f'{what}: {path}', soft_wrap=True)
    # last, so that nobody overlooks them
    show_absent(wanted, console)
    return 0


def show_absent(absent: Mapping[str, str], console: 'Console') -> None:
    """Print which choices have no masks, and why."""
    for option, why in absent.items():
        console.print(styled((f'no masks by {option}: {why}', 'red')), soft_wrap=True)


def gather(plan: 'Plan', made: Mapping[str, str], absent: Mapping[str, str]) -> 'Comparing':
    """Compare the masks of finished stages.

    Args:
        plan: Plan whose masks are compared.
        made: {choice: stage}.
        absent: {choice: reason why it has no masks}.

    Raises:
        FormatError: If images are missing or masks are broken.
    """
    from dataclasses import replace

    from qaclims_mm.errors import FormatError
    from qaclims_mm.report.blocks import MissingError
    from qaclims_mm.report.compare_page import Comparing
    from qaclims_mm.report.header import warning_of_work
    from qaclims_mm.report.work_dir import WorkDir
    from qaclims_mm.review.comparing import Candidate, Option, compare_masks
    from qaclims_mm.review.corrected import corrected_ids
    from qaclims_mm.review.sources import MaskSource
    from qaclims_mm.schemas import file_of
    from qaclims_mm.schemas.work_dir import CORRECTED, PSEUDO_MASKS
    from qaclims_mm.workflow.comparing import mask_models_of, note_of

    root, stages = plan.root, {s.name: s for s in plan.all_stages}
    options = [
        Option(
            option,
            MaskSource(option, stage, root / stage / PSEUDO_MASKS),
            note_of(stages[stage], root),
            mask_models_of(stages[stage], root),
        )
        for option, stage in made.items()
    ]
    work = WorkDir(root)
    try:
        dataset = work.dataset(next(iter(made.values())))
    except MissingError as error:
        raise FormatError(f'{error.message} {error.command}'.strip()) from error
    corrected = {*corrected_ids(root)}
    images = []
    for record in dataset.iterate_records():
        image_id, given = record['image_id'], record.get('seg_map_path')
        truth = Path(given) if given and Path(given).is_file() else None
        if image_id in corrected:
            truth = file_of(root / CORRECTED, image_id, '.png')
        images.append(Candidate(image_id, truth, image_id in corrected))
    compared = compare_masks(options, images, dataset.class_names)
    comparison = replace(compared.comparison, absent=absent)
    order = {m.masks_by: place for place, m in enumerate(comparison.masks)}
    options.sort(key=lambda o: order[o.masks_by])
    compared, warning = compared._replace(comparison=comparison), warning_of_work(work)
    return Comparing(work.name, compared, options, images, dataset, work.plan, warning)


def show(comparing: 'Comparing', console: 'Console') -> None:
    """Print the scores or the agreement, and the verdict."""
    from qaclims_mm.review.verdict import choose, verdict

    comparison = comparing.compared.comparison
    if comparison.judged or comparison.agreement:
        console.print(table_of(comparison))
    for masks in comparison.masks:
        if masks.note:
            console.print(f'{masks.masks_by}: {masks.note}', soft_wrap=True)
    for text in verdict(comparison):
        console.print(text, soft_wrap=True)
    best = choose(comparison)
    if best is not None:
        text = f'then: qaclims run {comparing.command} --masks-by {best.masks_by}'
        console.print(text, soft_wrap=True)


def table_of(comparison: 'Comparison') -> 'Table':
    """Return the table of scores, or that of the agreement if there is no ground truth."""
    from qaclims_mm.console import Table
    from qaclims_mm.report.compare_page import SCORE_HEAD, score_rows

    if comparison.judged:
        # the page has the other columns
        head, rows = [*SCORE_HEAD[:4]], [row[:4] for row in score_rows(comparison)]
        title = f'masks on {counted(comparison.judged, "image")}'
    else:
        head = ['masks by', 'and by', 'mIoU, %']
        rows = [[a.one, a.other, f'{a.miou:.1f}'] for a in comparison.agreement]
        title = f'agreement on {counted(comparison.images, "image")}'
    table = Table(title=title, title_justify='left')
    for number, name in enumerate(head):
        table.add_column(name, justify='right' if number else 'left')
    for row in rows:
        table.add_row(*row)
    return table
