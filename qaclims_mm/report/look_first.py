"""The masks that deserve a look first, how far stages agree, and the sheet of all masks."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np

from qaclims_mm.errors import ConfigError, FormatError, StageError
from qaclims_mm.report.blocks import Block, Link, MissingError, Table, Text, Tiles
from qaclims_mm.report.mask_sheet import MaskSheet, write_mask_sheet
from qaclims_mm.report.review_page import image_panel
from qaclims_mm.report.reviewing import Reviewing, review_work
from qaclims_mm.report.work_dir import WorkDir
from qaclims_mm.review.agreement import agreement_of_classes, pairs_of
from qaclims_mm.schemas import drawn_name
from qaclims_mm.schemas.names import LONGEST_SHOWN

# images with pictures on the report itself
SHOWN = 4


def look_first_blocks(work: WorkDir, folder: Path) -> list[Block]:
    """Write the sheet of all masks; return what leads to it, and the worst masks.

    Args:
        work: The work dir.
        folder: Folder beside the page, for files of the page.

    Raises:
        MissingError: If no stage has made masks, their images are not there, or they are of other
            classes than there are now.
    """
    try:
        review = review_work(work, with_corrected=True)
        title = f'All masks of {drawn_name(review.name, LONGEST_SHOWN)}'
        sheet = write_mask_sheet(folder, review, title)
    # of the last, a process was killed; the other sections do not need it
    except (ConfigError, FormatError, StageError) as error:
        raise MissingError(str(error)) from error
    records = {r['image_id']: r for r in review.dataset.iterate_records()}
    worst = [each for each in review.ranked[:SHOWN] if each.score > 0]
    which = 'all' if sheet.images == len(review.ranked) else 'the worst'
    found = 'The images below stand out most. ' if worst else ''
    return [
        Tiles(_tiles(review, sheet)),
        Link(
            quote(f'{folder.name}/{sheet.page.name}'),
            f'Look through {which} masks ({sheet.images}), by class and by score',
        ),
        Text(
            'Stages that disagree about an image are a sign of a bad mask, and so is a mask that '
            f'contradicts the labels of its image. {found}To correct masks, export the worst ones '
            'to a labelling tool:',
            f'qaclims review {work.place} --format cvat',
        ),
        *(
            image_panel(rank, each, records[each.image_id], review)
            for rank, each in enumerate(worst, start=1)
        ),
        *_agreement_tables(review),
    ]


def _tiles(review: Reviewing, sheet: MaskSheet) -> list[tuple[str, str]]:
    """Return numbers of all masks."""
    tiles = [('masks', str(sheet.images))]
    if sheet.ious:
        tiles.append(('IoU with the ground truth, mean over images', _percent(sheet.ious)))
    agreement = [r.mean_agreement for r in review.ranked if r.mean_agreement is not None]
    if agreement:
        tiles.append(('IoU between stages, mean over images', _percent(agreement)))
    return tiles


def _agreement_tables(review: Reviewing) -> list[Table]:
    """Return a table of how far stages agree on each class; none if only one has made masks."""
    pairs = pairs_of(review.ranked, [s.name for s in review.sources])
    if not pairs:
        return []
    names = review.dataset.class_names
    rows = [
        [
            names[each.k] if each.k < len(names) else f'value {each.k + 1}',
            str(each.images),
            *(f'{100 * each.ious[pair]:.0f}' if pair in each.ious else '' for pair in pairs),
        ]
        for each in agreement_of_classes(review.ranked)
    ]
    head = ['class', 'images', *(f'{one} and {other}, IoU, %' for one, other in pairs)]
    stages = ', '.join(
        f'{s.name} ({s.stage})' for s in review.sources if any(s.name in pair for pair in pairs)
    )
    caption = (
        'How far the masks of two stages agree on each class, a mean over the images that have it '
        f'in one of the two masks. The class on which they agree least stands first. Masks are of '
        f'{stages}.'
    )
    return [Table(head, rows, caption, 'Agreement of the stages')]


def _percent(values: Sequence[float]) -> str:
    return f'{100 * float(np.mean(values)):.0f} %'
