"""Make or update a project of your own images: qaclims init DIR --images FOLDER --labels FILE.

FILE holds the labels: a table with the columns image and labels, an export of CVAT, Label Studio
or COCO, or a folder with the files of labelme, VOC, YOLO or a Hugging Face imagefolder. Without
--labels, FOLDER has one folder per class. On an existing project, the command updates it: options
that you do not give keep their last value, and files that you edited are kept. The exit status is
3 if the project was written, but rows were left out. These are listed first.
"""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from qaclims_mm.cli._numbers import positive
from qaclims_mm.console import Table, new_console, styled
from qaclims_mm.errors import EXIT_BAD_RECORDS, ConfigError, StageError
from qaclims_mm.projects.presets import PRESETS

if TYPE_CHECKING:
    from qaclims_mm.projects.before import Before
    from qaclims_mm.projects.masks import GroundTruth
    from qaclims_mm.projects.names import Proposal
    from qaclims_mm.projects.sources import Labelled
    from qaclims_mm.projects.writer import Project, Written

SHOWN = 20
# options that keep their value until they are given again, besides --classes and --rename
_KEPT = ('images', 'labels', 'masks', 'masks_colours', 'masks_as_stored', 'preset', 'epochs')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', help='folder of the project, which is made or updated')
    parser.add_argument('--images', type=Path, help='folder of the images; a new project needs it')
    parser.add_argument(
        '--labels', type=Path, help='their labels; by default a folder for each class'
    )
    parser.add_argument(
        '--classes', nargs='*', help='take these classes alone; without a name all of them'
    )
    parser.add_argument(
        '--rename', nargs='+', default=[], metavar='LABEL=NAME', help='call or join labels so'
    )
    parser.add_argument(
        '--masks', type=Path, help='folder of ground truth masks of some images, for scores'
    )
    parser.add_argument(
        '--masks-colours',
        type=Path,
        metavar='FILE',
        help='CSV: which class a colour or value of masks means',
    )
    parser.add_argument(
        '--masks-as-stored',
        action=argparse.BooleanOptionalAction,
        help='turn masks as EXIF turns their images',
    )
    parser.add_argument(
        '--preset',
        choices=PRESETS,
        help='networks: full (default); mini, those of MiniWorld, to try the steps out in minutes; '
        'or rehearsal, those of full with random weights and two training steps',
    )
    parser.add_argument(
        '--epochs',
        nargs='?',
        const=0,
        type=positive,
        metavar='N',
        help='epochs of each training; without a number, those of the preset',
    )
    parser.add_argument('--strict', action='store_true', help='write nothing if there are problems')
    return parser


def main() -> int:
    """Check the data, write the project and say what to run; returns 3 if rows are left out."""
    args = _parser().parse_args()
    from qaclims_mm.exchange.labels.folders import KIND
    from qaclims_mm.projects.before import read_before
    from qaclims_mm.projects.checks import check_source
    from qaclims_mm.projects.masks import find_masks
    from qaclims_mm.projects.names import read_renames
    from qaclims_mm.projects.writer import Project, check_project
    from qaclims_mm.schemas.names import counted

    console, folder = new_console(), Path(args.folder)
    renames = read_renames(args.rename)
    before = read_before(folder)
    labelled = _read_labels(args, before, renames)
    if labelled.why_own:
        console.print(
            f'labels are read from {folder}/labels.csv: {labelled.why_own}', soft_wrap=True
        )
    options = labelled.options
    checked = check_source(
        labelled.source,
        options.images,
        options.classes,
        options.renames,
        labelled.order,
        labelled.noted,
    )
    _show_lines(console, checked.problems, 'problems')
    _show_lines(console, checked.notes, 'notes')
    truth = None
    if options.masks is not None:
        drawn = options.masks_colours, options.masks_as_stored
        truth = find_masks(options.masks, checked, *drawn)
    strange = truth.problems if truth else []
    _show_lines(console, [*strange, *(truth.notes if truth else [])], 'lines')
    if (checked.problems or strange) and args.strict:
        console.print(styled(('nothing was written (--strict)', 'red')))
        return 1
    project = Project(
        folder, options, checked, truth.place(folder) if truth else None, labelled.names
    )
    check_project(project, before)
    rate = _rate()
    written = _write(project, truth, before, rate)
    is_guess = options.labels is None and labelled.source.kind == KIND
    forgotten = ' (no --labels were given, so its folders are the classes)' * is_guess
    console.print(
        f'{labelled.source.kind}: {counted(len(checked.rows), "image")} of {options.images}'
        f'{forgotten}',
        soft_wrap=True,
    )
    _show_result(console, project, written, rate)
    return EXIT_BAD_RECORDS if checked.left_out else 0


def _read_labels(args: argparse.Namespace, before: 'Before', renames: dict[str, str]) -> 'Labelled':
    """Read the labels of a new project, or of one that is updated.

    Raises:
        ConfigError: If the project is of an earlier version and its options are not given.
    """
    from qaclims_mm.projects.sources import read_project_labels
    from qaclims_mm.schemas.project_options import new_options

    given: dict[str, Any] = {name: getattr(args, name) for name in _KEPT}
    given['classes'] = None if args.classes is None else tuple(args.classes)
    if before.options is not None:
        options = before.options.updated(given, renames)
    elif before.is_new or args.images is not None:
        options = new_options(given, renames)
    else:
        raise ConfigError(
            f'{args.folder} is a project of an earlier version, which did not note its options; '
            'give those that it was made with: --images, and --labels, --rename, --classes, '
            '--masks or --preset.'
        )
    return read_project_labels(before, options, given, renames)


def _rate() -> float:
    """Return the FLOPs a second of this machine when quiet, by which the time is estimated."""
    # this takes seconds, and what is wrong with the data has been said by now
    import torch

    from qaclims_mm.projects.machine import quiet_rate

    return quiet_rate(torch.device('cuda' if torch.cuda.is_available() else 'cpu'))


def _write(
    project: 'Project', truth: 'GroundTruth | None', before: 'Before', rate: float
) -> 'Written':
    """Write the project while neither a run nor another qaclims init uses it.

    Raises:
        StageError: If one does, or has changed it in the meantime.
    """
    from qaclims_mm.projects.before import read_before
    from qaclims_mm.projects.writer import write_project
    from qaclims_mm.schemas.work_dir import LOGS
    from qaclims_mm.workflow.locks import hold

    with hold(project.folder / 'work' / LOGS / '.lock', str(project.folder)):
        if read_before(project.folder) != before:
            raise StageError(f'{project.folder} was changed in the meantime; run this again.')
        changed = truth.convert(project.folder) if truth is not None else 0
        return write_project(project, rate, changed)


def _show_result(console: Console, project: 'Project', written: 'Written', rate: float) -> None:
    """Show classes, names, changes and costs, and say what to run."""
    from qaclims_mm.projects.names import propose_names
    from qaclims_mm.workflow.time_left import measure_slowdown, shown_estimate

    checked = project.checked
    # a title would be as narrow as the table
    table = Table()
    for title in ('class', 'images'):
        table.add_column(title, justify='right' if title == 'images' else 'left')
    for name in checked.classes[:SHOWN]:
        table.add_row(name, str(checked.counts[name]))
    if len(checked.classes) > SHOWN:
        table.add_row(f'and {len(checked.classes) - SHOWN} more', '')
    console.print(table)
    _show_names(console, propose_names(checked.counts), project.folder)
    _show_lines(console, written.changes, 'changes')
    minutes, megabytes = map(sum, zip(*project.costs(rate).values(), strict=True))
    slowdown = measure_slowdown()
    where = ' on this machine'
    if slowdown > 1:
        where = f' (this machine is busy and takes {slowdown:.1f} times as long)'
    weights = ', besides what is downloaded of weights' if project.preset.downloads else ''
    console.print(
        f'about {shown_estimate(minutes, slowdown)}{where} and '
        f'{megabytes / 1000:.1f} GB{weights} '
        '(--dry-run has the stages, and which of them have to be made again)',
        soft_wrap=True,
    )
    command = shlex.join(['qaclims', 'run', str(project.folder)])
    console.print(f'now run: {command}', soft_wrap=True)


def _show_names(console: Console, proposals: 'list[Proposal]', folder: Path) -> None:
    """Say which labels a model may not understand, and how to call them otherwise."""
    for label, name, reason in proposals:
        better = f'; better: {name}' if name else ''
        console.print(f'- label {label}: {reason}{better}', soft_wrap=True)
    renames = [f'{p.label}={p.name}' for p in proposals if p.name]
    if renames:
        command = shlex.join(['qaclims', 'init', str(folder), '--rename', *renames])
        console.print(f'to take them: {command}', soft_wrap=True)


def _show_lines(console: Console, lines: list[str], what: str) -> None:
    for line in lines[:SHOWN]:
        console.print(f'- {line}', soft_wrap=True)
    if len(lines) > SHOWN:
        console.print(f'and {len(lines) - SHOWN} more {what}')
