"""The page of ``qaclims review``: pictures of the images that deserve a look first."""

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from qaclims_mm.datasets.image_level import ImageLevelDataset
from qaclims_mm.datasets.read_image import UNREADABLE
from qaclims_mm.errors import FormatError, RecordError
from qaclims_mm.report.blocks import Block, Panel, Picture, Section, Text, Tiles
from qaclims_mm.report.page import render
from qaclims_mm.review.findings import Reviewed
from qaclims_mm.review.sources import MaskSource
from qaclims_mm.schemas import IGNORE_INDEX, atomic_path, drawn_name, resize_mask, voc_palette
from qaclims_mm.schemas.names import LONGEST_SHOWN
from qaclims_mm.visualization.overlays import outline_mask

# longest side of a picture, in pixels; two of them fill a phone's width at its density
SIDE, QUALITY = 360, 82
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
        image = _small(review.dataset.read_image(dict(record)))
    except (RecordError, ValueError, *UNREADABLE) as error:
        return Panel(title, f'{text} The image cannot be shown: {error}', [])
    pictures, values = [_picture(image, f'Photograph {name}', 'photograph')], set()
    for source in review.sources:
        try:
            mask = source.read(reviewed.image_id)
        except FormatError:
            # the reason says so
            continue
        if mask is not None:
            mask = resize_mask(mask, (image.shape[0], image.shape[1]))
            values |= {*np.unique(mask).tolist()}
            shown = outline_mask(image, mask)
            pictures.append(_picture(shown, f'Mask of {source.name} on {name}', source.name))
    return Panel(title, text, pictures, _legend(values, review.dataset.class_names))


def _small(image: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(image)
    picture.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(picture)


def _picture(image: np.ndarray, alt: str, caption: str) -> Picture:
    file = io.BytesIO()
    Image.fromarray(image).save(file, format='JPEG', quality=QUALITY)
    height, width = image.shape[:2]
    return Picture(file.getvalue(), 'image/jpeg', (width, height), alt, caption)


def _legend(values: set[int], classes: Sequence[str]) -> list[tuple[str, tuple[int, int, int]]]:
    """Return the names and colours of the values of masks, but for the background."""
    palette = np.array(voc_palette()).reshape(256, 3)
    names = {IGNORE_INDEX: 'does not count'}
    names |= {v: classes[v - 1] for v in values if 0 < v <= len(classes) and v != IGNORE_INDEX}
    return [
        (drawn_name(names.get(v, f'value {v}'), LONGEST_SHOWN), tuple(palette[v % 256].tolist()))
        for v in sorted(values)
        if v
    ]
