"""The images on which the maps of a class are worst."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from qaclims_mm.functional.evaluation import count_pixels, iou
from qaclims_mm.report.blocks import Block, MissingError
from qaclims_mm.report.images import answers_of, draw_named_sheet, evenly, true_mask
from qaclims_mm.report.plots import sheet_picture
from qaclims_mm.report.work_dir import MAPS, WorkDir
from qaclims_mm.review.sources import mask_at
from qaclims_mm.schemas import file_of, read_cams
from qaclims_mm.schemas.names import counted
from qaclims_mm.schemas.work_dir import CAMS, CURVE
from qaclims_mm.visualization.sheets import SheetColumn, fit_mask, load_column

MOST_IMAGES, PER_CLASS = 2000, 2
COLUMNS_A_SHEET = 8


class Case(NamedTuple):
    """A class of an image: its record, the class's index k and name, its IoU in [0, 1]."""

    record: dict
    label: int
    name: str
    iou: float


def failure_blocks(work: WorkDir) -> list[Block]:
    """Return the worst images of every class.

    Raises:
        MissingError: If there are no maps, no curve or no masks to compare with.
    """
    curve, maps = work.curves.get(MAPS), work.root / MAPS / CAMS
    if curve is None or not maps.is_dir():
        raise work.unjudged(f'{work.root / MAPS / CURVE} or the maps beside it are not there')
    threshold = float(curve.thresholds[curve.best])
    records = [
        r
        for r in work.dataset(MAPS).iterate_records()
        if file_of(maps, r['image_id'], '.npz').is_file()
    ]
    chosen = evenly(records, MOST_IMAGES) if records else []
    cases = worst_cases((case for r in chosen for case in _cases_of(work, r, threshold)), PER_CLASS)
    if not cases:
        raise MissingError(
            f'No image with maps in {maps} has a mask to compare them with; '
            'make the report where the masks of the data set are.'
        )
    # of an image, since each of its classes may be among the worst
    masks: dict[str, np.ndarray] = {}
    for case in cases:
        image_id = case.record['image_id']
        if image_id not in masks:
            masks[image_id] = mask_at(read_cams(file_of(maps, image_id, '.npz')), threshold)
    sheets = [cases[i : i + COLUMNS_A_SHEET] for i in range(0, len(cases), COLUMNS_A_SHEET)]
    caption = (
        f'The images on which the maps of a class are worst, {PER_CLASS} a class, by the IoU of '
        f'the class at the best threshold, {threshold:.2f}; below them the class with this IoU, '
        f'the answers about it (green) and about what is around it (red). '
        f'Looked at: {len(chosen)} of {counted(len(records), "image")}, of {work.data_of(MAPS)}.'
    )
    classes = work.dataset(MAPS).class_names
    return [
        sheet_picture(
            draw_named_sheet([_column(work, case, threshold, masks) for case in cases], classes),
            f'Images with the lowest IoU, {number} of {len(sheets)}',
            caption if number == 1 else f'Further classes, {number} of {len(sheets)}.',
        )
        for number, cases in enumerate(sheets, start=1)
    ]


def worst_cases(cases: Iterable[Case], per_class: int) -> list[Case]:
    """Return the cases with the lowest IoU, some of each class, in the order of the classes."""
    ranked: dict[int, list[Case]] = {}
    for case in cases:
        ranked[case.label] = sorted(
            [*ranked.get(case.label, []), case], key=lambda c: (c.iou, c.record['image_id'])
        )[:per_class]
    return [case for label in sorted(ranked) for case in ranked[label]]


def _cases_of(work: WorkDir, record: dict, threshold: float) -> Iterator[Case]:
    """Yield the classes of an image that are in its mask; none without a mask."""
    mask = true_mask(record)
    if mask is None:
        return
    maps = read_cams(file_of(work.root / MAPS / CAMS, record['image_id'], '.npz'))
    mask = fit_mask(mask, maps.size)
    counts = count_pixels(maps.high_res, maps.class_indices, mask, np.array([threshold]))
    found = iou(counts.tp, counts.pred, counts.gt)[:, 0]
    for label, name in zip(record['class_indices'], record['label_names'], strict=True):
        [rows] = np.nonzero((counts.classes == label + 1) & (counts.gt > 0))
        for row in rows:
            yield Case(record, label, name, float(found[row]))


def _column(
    work: WorkDir, case: Case, threshold: float, masks: Mapping[str, np.ndarray]
) -> SheetColumn:
    image_id = case.record['image_id']
    maps = read_cams(file_of(work.root / MAPS / CAMS, image_id, '.npz'), only=case.label)
    column = load_column(
        work.dataset(MAPS).read_image(case.record),
        case.label,
        case.name,
        {'QA-CLIMS': maps},
        true_mask(case.record),
        answers_of(work, image_id),
        {f'mask at {threshold:.2f}': masks[image_id]},
        image_id,
    )
    return replace(column, class_name=f'{case.name}: {100 * case.iou:.0f} %')
