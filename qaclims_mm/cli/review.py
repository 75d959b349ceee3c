"""Rank the masks that deserve a look, and export them to correct: qaclims review WORK.

WORK is a project or the work dir of a run. The page review/index.html in the work dir shows the
worst masks first: masks on which the maps, the refiner and the segmentor disagree, and masks that
contradict the labels of their image. Correct them in a labelling tool, then train on them with
qaclims run PLAN --corrected DIR. Nothing in WORK is executed.
"""

import argparse
import itertools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from qaclims_mm.console import Table, new_console

if TYPE_CHECKING:
    from qaclims_mm.report.reviewing import Reviewing
    from qaclims_mm.report.work_dir import WorkDir

SHOWN = 20


def main() -> None:
    """Rank the images, write the page, the table and the export, and print the first images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('work', help='folder that qaclims run has filled, or a project')
    parser.add_argument('--out', help='folder of page, table and export; default WORK/review')
    parser.add_argument(
        '--top', type=int, default=50, help='images on the page and in the export; default 50'
    )
    parser.add_argument(
        '--format',
        help='also export the masks of the first images, in any format of qaclims export: cvat, '
        'label-studio, coco, labelme, png, voc or yolo',
    )
    args = parser.parse_args()
    if args.top < 1:
        parser.error(f'--top must be at least 1, but got {args.top}')
    # these take seconds, and --help does not need them
    from qaclims_mm.report.review_page import write_page
    from qaclims_mm.report.work_dir import WorkDir
    from qaclims_mm.review.ranking import write_review
    from qaclims_mm.schemas.work_dir import REVIEW

    console = new_console()
    if args.format:
        # before the work, not after it
        from qaclims_mm.exchange.masks.export import FORMATS

        if args.format not in FORMATS:
            parser.error(f'--format must be one of {", ".join(FORMATS)}, but got {args.format}')
    work = WorkDir(args.work)
    out = Path(args.out) if args.out else work.root / REVIEW
    review = _review(work)
    write_review(out / 'review.csv', review.ranked, review.sources, review.dataset.class_names)
    write_page(out / 'index.html', review, args.top)
    _show(console, review, min(SHOWN, args.top))
    console.print(f'page: {out / "index.html"}', soft_wrap=True)
    console.print(f'table: {out / "review.csv"}', soft_wrap=True)
    if args.format:
        _export(console, review, out, args.format, args.top)
    console.print(f'correct them, then run: {review.next_command}', soft_wrap=True)


def _review(work: 'WorkDir') -> 'Reviewing':
    """Rank the images that a work dir has masks of and nobody has corrected.

    Raises:
        ConfigError: If masks are of other classes than there are now.
        FormatError: If there are none.
    """
    from qaclims_mm.errors import FormatError
    from qaclims_mm.report.blocks import MissingError
    from qaclims_mm.report.reviewing import review_work

    try:
        return review_work(work)
    except MissingError as error:
        raise FormatError(f'{error.message} {error.command}'.strip()) from error


def _show(console: Console, review: 'Reviewing', rows: int) -> None:
    """Print the first rows of the ranking."""
    from qaclims_mm.schemas.names import counted

    table = Table()
    for title in ('rank', 'image', 'score', 'why'):
        table.add_column(title, justify='right' if title in ('rank', 'score') else 'left')
    for rank, each in enumerate(review.ranked[:rows], start=1):
        table.add_row(str(rank), each.image_id, f'{each.score:.2f}', each.reason)
    console.print(table)
    if len(review.ranked) > rows:
        console.print(f'and {counted(len(review.ranked) - rows, "more image")} in the table')
    if review.left_out:
        said = 'are left out, since a corrected mask is there'
        console.print(counted(review.left_out, 'image', said))


def _export(console: Console, review: 'Reviewing', out: Path, name: str, top: int) -> None:
    """Export the newest masks of the first images, for people to correct."""
    from qaclims_mm.exchange.masks.export import export_masks
    from qaclims_mm.review.newest import write_newest
    from qaclims_mm.schemas.files import problem_of_file
    from qaclims_mm.schemas.names import counted

    first = {each.image_id for each in review.ranked[:top]}
    records = [r for r in review.dataset.iterate_records() if r['image_id'] in first]
    paths = {r['image_id']: r['img_path'] for r in records if not problem_of_file(r['img_path'])}
    folder = _free_folder(out, name)
    with tempfile.TemporaryDirectory() as masks:
        written = write_newest(Path(masks), paths, review.sources, review.is_oriented)
        images = {image_id: Path(paths[image_id]) for image_id in written}
        export_masks(Path(masks), images, review.dataset.class_names, folder, name)
    text = f'export of {counted(len(written), "mask")} to correct: {folder}'
    console.print(text, soft_wrap=True)
    if len(written) < len(first):
        said = 'are not exported, for want of a mask or of the file'
        console.print(counted(len(first) - len(written), 'image', said), soft_wrap=True)


def _free_folder(out: Path, name: str) -> Path:
    """Return a folder that is not there yet: in an earlier export people may correct masks."""
    names = itertools.chain([name], (f'{name}-{number}' for number in itertools.count(2)))
    return next(out / n for n in names if not (out / n).exists())
