"""The page of ``qaclims review``: pictures of the images that deserve a look first."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qaclims_mm.datasets.image_level import ImageLevelDataset
from qaclims_mm.datasets.read_image import UNREADABLE
from qaclims_mm.errors import FormatError, RecordError
from qaclims_mm.report.blocks import Block, Panel, Section, Text, Tiles
from qaclims_mm.report.mask_pictures import (
    jpeg_picture,
    legend_of,
    mask_picture,
    small_image,
)
from qaclims_mm.report.page import render
from qaclims_mm.review.findings import Reviewed
from qaclims_mm.review.sources import MaskSource
from qaclims_mm.schemas import atomic_path, drawn_name
from qaclims_mm.schemas.names import LONGEST_SHOWN

LEAD = (
    'The images whose masks deserve a look first. Masks are compared between stages: where the '
    'map, the refiner and the segmentor disagree, at least one of them is wrong.'
)


class Reviewing(NamedTuple):
    """A ranking and what its page is made from.

    Attributes:
        name: Name of the work dir.
        ranked: All images, the first one first.
        sources: Stages whose masks are shown.
        dataset: The images.
        left_out: Images that were left out because their masks are corrected.
    """

    name: str
    ranked: Sequence[Reviewed]
    sources: Sequence[MaskSource]
    dataset: ImageLevelDataset
    left_out: int = 0

    @property
    def is_oriented(self) -> bool:
        """Whether images are turned as their EXIF data say."""
        return any(getattr(step, 'oriented', False) for step in self.dataset.pipeline.transforms)


def write_page(path: Path, review: Reviewing, top: int) -> None:
    """Write the page, which needs no other file.

    Args:
        path: The HTML file.
        review: What it shows.
        top: Number of images with pictures.
    """
    records = {r['image_id']: r for r in review.dataset.iterate_records()}
    panels: list[Block] = [
        _panel(rank, each, records[each.image_id], review)
        for rank, each in enumerate(review.ranked[:top], start=1)
    ]
    sections = [Section('Overview', _overview(review, top)), Section('Images', panels)]
    date = f'{datetime.now().astimezone():%Y-%m-%d %H:%M}'
    page = render(f'Review of {drawn_name(review.name, LONGEST_SHOWN)}', date, LEAD, sections)
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding='utf-8')


def _overview(review: Reviewing, top: int) -> list[Block]:
    agreement = [np.mean([*r.agreement.values()]) for r in review.ranked if r.agreement]
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
        Text('Correct the masks in a labelling tool, then run', 'qaclims run PLAN --corrected DIR'),
    ]


def _panel(rank: int, reviewed: Reviewed, record: Mapping, review: Reviewing) -> Panel:
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
