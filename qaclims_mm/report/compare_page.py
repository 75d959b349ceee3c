"""The page of ``qaclims compare``: the masks of several choices side by side."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from qaclims_mm.datasets.image_level import ImageLevelDataset
from qaclims_mm.datasets.read_image import UNREADABLE
from qaclims_mm.errors import RecordError
from qaclims_mm.report.blocks import Block, Panel, Section, Table, Text
from qaclims_mm.report.images import evenly
from qaclims_mm.report.mask_pictures import jpeg_picture, legend_of, mask_picture, small_image
from qaclims_mm.report.templates import render
from qaclims_mm.review.comparing import Candidate, Compared, Option
from qaclims_mm.review.verdict import choose, verdict
from qaclims_mm.schemas import atomic_path, drawn_name, read_mask
from qaclims_mm.schemas.names import LONGEST_SHOWN, counted
from qaclims_mm.schemas.numbers.comparison import Comparison

LEAD = (
    'A segmentor learns what its masks show. This page compares the masks of each choice of '
    'qaclims run --masks-by on the same images.'
)
SCORE_HEAD = (
    'masks by',
    'mIoU, %',
    'behind the best, points',
    '95 % interval',
    'worst class',
    'its IoU, %',
    'trained with masks',
    'note',
)
# columns that the page leaves out if they are empty
OPTIONAL = ('trained with masks', 'note')


class Comparing(NamedTuple):
    """A comparison and the data that its page shows.

    Attributes:
        name: Name of the project or work dir.
        compared: Numbers of the comparison.
        options: Masks, in the order in which they are shown.
        images: Images with their ground truth.
        dataset: Dataset of the images.
        command: Arguments by which ``qaclims run`` finds the work dir.
        warning: Why the masks mean nothing, and a command that helps; each may be ''.
    """

    name: str
    compared: Compared
    options: Sequence[Option]
    images: Sequence[Candidate]
    dataset: ImageLevelDataset
    command: str
    warning: tuple[str, str] = ('', '')


def write_compare_page(path: Path, comparing: Comparing, top: int) -> None:
    """Write the page as one file.

    Args:
        path: HTML file.
        comparing: Content of the page.
        top: Number of images with pictures.
    """
    comparison = comparing.compared.comparison
    title = 'Recommended masks' if choose(comparison) else 'Verdict'
    sections = [Section(title, verdict_blocks(comparison, comparing.command))]
    if comparison.judged:
        scores = [_score_table(comparison), _class_table(comparison)]
        sections.append(Section('Scores', scores))
    if comparison.agreement:
        sections.append(Section('Agreement', _agreement_blocks(comparison)))
    sections.append(Section('Images', _image_blocks(comparing, top)))
    if comparison.absent:
        texts = [Text(f'{name}: {why}') for name, why in comparison.absent.items()]
        sections.append(Section('Masks that could not be made', texts))
    date = f'{datetime.now().astimezone():%Y-%m-%d %H:%M}'
    title = f'Which masks: {drawn_name(comparing.name, LONGEST_SHOWN)}'
    page = render(title, date, LEAD, sections, comparing.warning)
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding='utf-8')


def verdict_blocks(comparison: Comparison, command: str) -> list[Block]:
    """Return the verdict, and the command that trains on the recommended masks.

    Args:
        comparison: Comparison to judge.
        command: Arguments by which ``qaclims run`` finds the work dir.
    """
    blocks: list[Block] = [Text(text) for text in verdict(comparison)]
    best = choose(comparison)
    if best is not None:
        blocks.append(
            Text(
                'Train the segmentor on them:', f'qaclims run {command} --masks-by {best.masks_by}'
            )
        )
    return blocks


def score_rows(comparison: Comparison) -> list[list[str]]:
    """Return the rows of the table of scores, the best masks first; see ``SCORE_HEAD``."""
    rows = []
    for masks in comparison.masks:
        worst = masks.worst(comparison.names)
        behind = masks.behind
        rows.append(
            [
                masks.masks_by,
                _number(masks.miou),
                f'{behind.points:.1f}' if behind else '',
                f'{behind.low:.1f} to {behind.high:.1f}' if behind else '',
                drawn_name(worst[0], LONGEST_SHOWN) if worst else '',
                _number(worst[1]) if worst else '',
                'yes' if masks.mask_models else '',
                masks.note,
            ]
        )
    return rows


def _score_table(comparison: Comparison) -> Table:
    caption = (
        f'Mean IoU of the masks of {counted(comparison.judged, "image")} with ground truth, as the '
        'segmentor would be trained on them. The interval is that of the difference to the best '
        'masks. It comes from 2,000 resamplings of the images, each of which scores both on the '
        'same images.'
    )
    rows = score_rows(comparison)
    shown = [
        number
        for number, name in enumerate(SCORE_HEAD)
        if name not in OPTIONAL or any(row[number] for row in rows)
    ]
    head, *rows = ([row[number] for number in shown] for row in (SCORE_HEAD, *rows))
    return Table(head, rows, caption)


def _class_table(comparison: Comparison) -> Table:
    rows = []
    for value, name in enumerate(comparison.names):
        ious = [masks.ious[value] for masks in comparison.masks]
        if any(iou is not None for iou in ious):
            rows.append([drawn_name(name, LONGEST_SHOWN), *map(_number, ious)])
    caption = 'IoU of each class in percent, without classes that do not occur.'
    return Table(['class', *(m.masks_by for m in comparison.masks)], rows, caption)


def _agreement_blocks(comparison: Comparison) -> list[Block]:
    names = [m.masks_by for m in comparison.masks]
    mious = {frozenset((a.one, a.other)): a.miou for a in comparison.agreement}
    rows = [
        [one, *(_number(mious.get(frozenset((one, other)))) for other in names)] for one in names
    ]
    caption = (
        'Mean IoU between the masks of every two choices, in percent, on '
        f'{counted(comparison.images, "image")}. Agreement is not correctness: masks made from the '
        'same maps share their mistakes.'
    )
    head = [f'{a.one} and {a.other}' for a in comparison.agreement]
    classes = [
        [drawn_name(name, LONGEST_SHOWN), *(_number(a.ious[value]) for a in comparison.agreement)]
        for value, name in enumerate(comparison.names)
        if any(a.ious[value] is not None for a in comparison.agreement)
    ]
    own = 'The same for each class. Look at the pictures of the classes with the lowest values.'
    return [Table(['masks by', *names], rows, caption), Table(['class', *head], classes, own)]


def _number(value: float | None) -> str:
    return '' if value is None else f'{value:.1f}'


def _image_blocks(comparing: Comparing, top: int) -> list[Block]:
    """Return pictures: first of the images where masks differ most, then of others."""
    closeness = comparing.compared.closeness
    order = sorted(closeness, key=lambda i: (closeness[i], i))
    different = order[: (top + 1) // 2] if len(comparing.options) > 1 else []
    others = evenly([i for i in sorted(order) if i not in {*different}], top - len(different))
    records = {r['image_id']: r for r in comparing.dataset.iterate_records()}
    truths = {image.image_id: image for image in comparing.images}
    text = f'Images where the masks differ most come first: {len(different)}.'
    if others:
        text += f' Images drawn evenly from the other {len(order) - len(different)} follow: '
        text += f'{len(others)}.'
    blocks: list[Block] = [Text(text)] if different else []
    shown = (*different, *others)
    return blocks + [_panel(records[i], truths[i], closeness[i], comparing) for i in shown]


def _panel(
    record: Mapping[str, Any], image: Candidate, closeness: float, comparing: Comparing
) -> Panel:
    name = drawn_name(image.image_id, LONGEST_SHOWN)
    text = f'Labels: {", ".join(record["label_names"]) or "none"}.'
    if len(comparing.options) > 1:
        text = f'Agreement of the masks: {100 * closeness:.0f} %. {text}'
    try:
        photograph = small_image(comparing.dataset.read_image(dict(record)))
    except (RecordError, ValueError, *UNREADABLE) as error:
        return Panel(name, f'{text} The image cannot be shown: {error}', [])
    pictures, values = [jpeg_picture(photograph, f'Photograph {name}', 'photograph')], set()
    shown = {o.masks_by: o.source.path_of(image.image_id) for o in comparing.options}
    if image.truth is not None:
        shown = {'corrected' if image.is_corrected else 'ground truth': image.truth, **shown}
    for caption, path in shown.items():
        mask = read_mask(path)
        values |= {*np.unique(mask).tolist()}
        pictures.append(mask_picture(photograph, mask, name, caption))
    return Panel(name, text, pictures, legend_of(values, comparing.dataset.class_names))
