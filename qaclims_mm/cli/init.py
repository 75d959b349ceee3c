"""Make a project of your own images: qaclims init DIR --images FOLDER --labels FILE.

Labels are a CSV file (image,labels), COCO's JSON, VOC's XML files, or the folder of the images
itself with a folder for each class. The exit status is 3 if the project was made, but rows
were left out; these are listed first.
"""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from qaclims_mm.console import new_console, styled
from qaclims_mm.errors import EXIT_BAD_RECORDS
from qaclims_mm.projects.presets import PRESETS

if TYPE_CHECKING:
    from qaclims_mm.projects.names import Proposal

SHOWN = 20


def main() -> int:
    """Check the data, write the project and say what to run; returns 3 if rows are left out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', help='folder of the project, which is made')
    parser.add_argument('--images', required=True, help='folder of the images')
    parser.add_argument('--labels', help='their labels; by default a folder for each class')
    parser.add_argument('--classes', nargs='+', default=[], help='take these classes alone')
    parser.add_argument(
        '--rename', nargs='+', default=[], metavar='LABEL=NAME', help='call or join labels so'
    )
    parser.add_argument('--masks', help='folder of ground truth masks of some images, for scores')
    parser.add_argument(
        '--masks-colours', metavar='FILE', help='CSV: which class a colour or value of masks means'
    )
    parser.add_argument(
        '--masks-as-stored', action='store_true', help='turn masks as EXIF turns their images'
    )
    parser.add_argument(
        '--preset',
        default='full',
        choices=PRESETS,
        help='networks: full (default); mini, those of MiniWorld, to try the steps out in minutes; '
        'or rehearsal, those of full with random weights and two training steps',
    )
    parser.add_argument('--strict', action='store_true', help='make no project with problems')
    args = parser.parse_args()
    # these take seconds, and --help does not need them
    import torch

    from qaclims_mm.exchange.labels.reading import read_source
    from qaclims_mm.projects.checks import check_source
    from qaclims_mm.projects.machine import matmul_rate
    from qaclims_mm.projects.masks import find_masks
    from qaclims_mm.projects.names import propose_names, read_renames
    from qaclims_mm.projects.writer import Project, check_new_folder, write_project

    console, images = new_console(), Path(args.images)
    renames = read_renames(args.rename)
    check_new_folder(Path(args.folder))
    source = read_source(args.labels or images, images)
    checked = check_source(source, images, args.classes, renames)
    _show_lines(console, checked.problems, 'problems')
    _show_lines(console, checked.notes, 'notes')
    options = args.masks_colours, args.masks_as_stored
    truth = find_masks(args.masks, checked, *options) if args.masks else None
    strange = truth.problems if truth else []
    _show_lines(console, [*strange, *(truth.notes if truth else [])], 'lines')
    if (checked.problems or strange) and args.strict:
        console.print(styled(('no project was made (--strict)', 'red')))
        return 1
    masks = truth.place(Path(args.folder)) if truth else None
    project = Project(Path(args.folder), images, checked, PRESETS[args.preset], masks)
    rate = matmul_rate(torch.device('cuda' if torch.cuda.is_available() else 'cpu'))
    *_, plan = write_project(project, rate)
    # a title would be as narrow as the table
    console.print(f'{source.kind}: {len(checked.rows)} images of {images}', soft_wrap=True)
    table = Table()
    for title in ('class', 'images'):
        table.add_column(title, justify='right' if title == 'images' else 'left')
    for name in checked.classes[:SHOWN]:
        table.add_row(name, str(checked.counts[name]))
    if len(checked.classes) > SHOWN:
        table.add_row(f'and {len(checked.classes) - SHOWN} more', '')
    console.print(table)
    _show_names(console, propose_names(checked.counts))
    minutes, megabytes = map(sum, zip(*project.costs(rate).values(), strict=True))
    weights = ', besides what is downloaded of weights' if project.preset.downloads else ''
    console.print(
        f'about {_span(minutes)} on this machine and {megabytes / 1000:.1f} GB{weights} '
        '(--dry-run has the stages)',
        soft_wrap=True,
    )
    command = shlex.join(['qaclims', 'run', str(plan)])
    console.print(f'now run: {command}', soft_wrap=True)
    return EXIT_BAD_RECORDS if checked.left_out else 0


def _span(minutes: float) -> str:
    return f'{minutes / 60:.0f} hours' if minutes > 120 else f'{max(1, minutes):.0f} minutes'


def _show_names(console: Console, proposals: 'list[Proposal]') -> None:
    """Say which labels a model may not understand, and how to call them otherwise."""
    for label, name, reason in proposals:
        better = f'; better: {name}' if name else ''
        console.print(f'- label {label}: {reason}{better}', soft_wrap=True)
    renames = [shlex.quote(f'{p.label}={p.name}') for p in proposals if p.name]
    if renames:
        taken = ' '.join(renames)
        console.print(f'to take them: delete the project, and --rename {taken}', soft_wrap=True)


def _show_lines(console: Console, lines: list[str], what: str) -> None:
    for line in lines[:SHOWN]:
        console.print(f'- {line}', soft_wrap=True)
    if len(lines) > SHOWN:
        console.print(f'and {len(lines) - SHOWN} more {what}')
