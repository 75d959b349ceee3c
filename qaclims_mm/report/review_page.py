"""The page of ``qaclims review``: pictures of the images that deserve a look first."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np

from qaclims_mm.datasets.read_image import UNREADABLE
from qaclims_mm.errors import FormatError, RecordError
from qaclims_mm.report.blocks import Block, Panel, Section, Text, Tiles
from qaclims_mm.report.mask_pictures import (
    jpeg_picture,
    legend_of,
    mask_picture,
    small_image,
)
from qaclims_mm.report.reviewing import Reviewing
from qaclims_mm.report.templates import render
from qaclims_mm.review.findings import Reviewed
from qaclims_mm.schemas import atomic_path, drawn_name
from qaclims_mm.schemas.names import LONGEST_SHOWN

LEAD = (
    'The images whose masks deserve a look first. Masks are compared between stages: where the '
    'map, the refiner and the segmentor disagree, at least one of them is wrong.'
)


def write_page(path: Path, review: Reviewing, top: int) -> None:
    """Write the page, which needs no other file.

    Args:
        path: The HTML file.
        review: What it shows.
        top: Number of images with pictures.
    """
    records = {r['image_id']: r for r in review.dataset.iterate_records()}
    panels: list[Block] = [
        image_panel(rank, each, records[each.image_id], review)
        for rank, each in enumerate(review.ranked[:top], start=1)
    ]
    sections = [Section('Overview', _overview(review, top)), Section('Images', panels)]
    date = f'{datetime.now().astimezone():%Y-%m-%d %H:%M}'
    title = f'Review of {drawn_name(review.name, LONGEST_SHOWN)}'
    page = render(title, date, LEAD, sections, review.warning)
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding='utf-8')


def _overview(review: Reviewing, top: int) -> list[Block]:
    agreement = [r.mean_agreement for r in review.ranked if r.mean_agreement is not None]
    tiles = [
        ('images compared', str(len(review.ranked))),
        ('shown here', str(min(top, len(review.ranked)))),
    ]
    if agreement:
        tiles.append(('masks agree, mean IoU', f'{100 * np.mean(agreement):.0f} %'))
    if review.left_out:
        tiles.append(('corrected, left out', str(review.left_out)))
    seen = {name for each in review.ranked for name in each.areas}
    names = ', '.join(f'{s.name} ({s.stage})' for s in review.sources if s.name in seen)
    return [
        Tiles(tiles),
        Text(
            f'Masks are of {names}. The score is between 0, nothing stands out, and 1. '
            'All images are in review.csv beside this page.'
        ),
        Text('Correct the masks in a labelling tool, then run', review.next_command),
    ]


def image_panel(rank: int, reviewed: Reviewed, record: Mapping, review: Reviewing) -> Panel:
    """Return an image, its masks by all stages, and why it deserves a look.

    Args:
        rank: Its place in the ranking, from 1.
        reviewed: What was found.
        record: Its record in the dataset.
        review: The ranking that it is from.
    """
    name = drawn_name(reviewed.image_id, LONGEST_SHOWN)
    labels = ', '.join(record['label_names']) or 'none'
    text = f'{reviewed.reason[:1].upper()}{reviewed.reason[1:]}. Labels: {labels}.'
    title = f'{rank}. {name} (score {reviewed.score:.2f})'
    try:
        image = small_image(review.dataset.read_image(dict(record)))
    except (RecordError, ValueError, *UNREADABLE) as error:
        return Panel(title, f'{text} The image cannot be shown: {error}', [])
    pictures, values = [jpeg_picture(image, f'Photograph {name}', 'photograph')], set()
    for source in review.sources:
        try:
            mask = source.read(reviewed.image_id)
        except FormatError:
            # the reason says so
            continue
        if mask is not None:
            values |= {*np.unique(mask).tolist()}
            pictures.append(mask_picture(image, mask, name, source.name))
    return Panel(title, text, pictures, legend_of(values, review.dataset.class_names))
