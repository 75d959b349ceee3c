"""Maps with their texts (figures 3 and 6), and segmentations (figure 7)."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from qaclims_mm.report.blocks import Block, MissingError
from qaclims_mm.report.mask_pictures import legend_of
from qaclims_mm.report.plots import sheet_picture
from qaclims_mm.report.work_dir import MAPS, WorkDir
from qaclims_mm.schemas import file_of, read_cams, read_mask
from qaclims_mm.schemas.mask_choice import DEFAULT, TITLES, read_choice
from qaclims_mm.schemas.names import counted
from qaclims_mm.schemas.work_dir import CAMS, PREDICTIONS, PSEUDO_MASKS
from qaclims_mm.visualization.sheets import (
    SheetColumn,
    draw_cam_sheet,
    load_column,
    values_of,
)

IMAGES = 8
SIDE = 1.15  # inches
# {row: stage of its maps or masks}; QA-CLIMS's maps are needed
OURS = 'QA-CLIMS'
MAP_ROWS = {'CAM': 'cam_maps', 'CLIMS': 'clims_maps', OURS: MAPS}
IRN_ROW = {'IRN': 'irn_masks'}
SEGMENTED = 'segment_test'


def sheet_blocks(work: WorkDir) -> list[Block]:
    """Return maps, masks and answers of some images, a class each.

    Raises:
        MissingError: If QA-CLIMS has no maps, or its images are not there.
    """
    maps, masks = (
        {n: f'{stage}/{made}' for n, stage in rows.items() if (work.root / stage / made).is_dir()}
        for rows, made in ((MAP_ROWS, CAMS), (_mask_rows(work), PSEUDO_MASKS))
    )
    if OURS not in maps:
        raise MissingError(
            f'There are no maps in {work.root / MAPS / CAMS}; run', work.command(MAPS)
        )
    needed = [(f, '.npz') for f in maps.values()] + [(f, '.png') for f in masks.values()]
    records = [
        r
        for r in work.dataset(MAPS).iterate_records()
        if r['class_indices'] and _has(work, r['image_id'], needed)
    ]
    if not records:
        raise MissingError(
            f'No image of the test set is in all of {", ".join(f for f, _ in needed)}; run',
            work.command(),
        )
    columns = [_maps_of(work, r, maps, masks) for r in evenly(records, IMAGES)]
    texts = (
        'below them the class, the answers about it (green) and those about what is around it (red)'
        if work.corpus
        else 'below them the class'
    )
    caption = (
        f'Maps of {", ".join(maps)} for one class of an image'
        + (f', masks of {", ".join(masks)} for all classes' if masks else '')
        + f'; {texts}. {counted(len(columns), "image")} at equal distances from '
        f'{work.data_of(MAPS)}.'
    )
    figure = draw_named_sheet(columns, work.dataset(MAPS).class_names)
    return [sheet_picture(figure, 'Sheet of maps and masks', caption)]


def draw_named_sheet(columns: Sequence[SheetColumn], classes: Sequence[str]) -> Figure:
    """Draw a sheet whose legend names the classes of its masks."""
    return draw_cam_sheet(columns, SIDE, legend_of(values_of(columns), classes))


def _mask_rows(work: WorkDir) -> dict[str, str]:
    """Return {row: stage} of the masks that the segmentor is trained on."""
    choice = read_choice(work.root)
    if choice is None or choice.masks_by == DEFAULT:
        return IRN_ROW
    return {TITLES[choice.masks_by]: choice.stage}


def evenly(items: Sequence[Any], number: int) -> list[Any]:
    """Return so many items at equal distances, or all if there are fewer."""
    places = np.linspace(0, len(items) - 1, min(number, len(items))).astype(int)
    return [items[i] for i in places]


def true_mask(record: dict) -> np.ndarray | None:
    """Return the ground truth of an image, uint8 ``(H, W)``, if it has one."""
    path = record['seg_map_path']
    return read_mask(path) if path and Path(path).is_file() else None


def answers_of(work: WorkDir, image_id: str) -> Sequence[dict[str, Any]]:
    """Return the corpus rows of an image; none if there is no corpus, or it is not in it."""
    return work.corpus[image_id] if work.corpus and image_id in work.corpus else ()


def _has(work: WorkDir, image_id: str, needed: Sequence[tuple[str, str]]) -> bool:
    return all(file_of(work.root / f, image_id, suffix).is_file() for f, suffix in needed)


def _maps_of(
    work: WorkDir, record: dict, maps: dict[str, str], masks: dict[str, str]
) -> SheetColumn:
    image_id, label = record['image_id'], record['class_indices'][0]
    return load_column(
        work.dataset(MAPS).read_image(record),
        label,
        record['label_names'][0],
        {
            name: read_cams(file_of(work.root / folder, image_id, '.npz'), only=label)
            for name, folder in maps.items()
        },
        true_mask(record),
        answers_of(work, image_id),
        {n: read_mask(file_of(work.root / f, image_id, '.png')) for n, f in masks.items()},
        image_id,
    )


def segmentation_blocks(work: WorkDir) -> list[Block]:
    """Return what the segmentor makes of some images.

    Raises:
        MissingError: If it has written no masks, or its images are not there.
    """
    folder = work.root / SEGMENTED / PREDICTIONS
    if not folder.is_dir():
        raise MissingError(
            f'The segmentor has written no masks into {folder}; give its config a SegMaskWriter, '
            'as configs/_base_/datasets/voc12_server.py has one, and run',
            work.command(SEGMENTED),
        )
    records = [
        r
        for r in work.dataset(SEGMENTED).iterate_records()
        if file_of(folder, r['image_id'], '.png').is_file()
    ]
    if not records:
        raise MissingError(
            f'No image of the test set has a mask in {folder}; run', work.command(SEGMENTED)
        )
    columns = [_prediction_of(work, r, folder) for r in evenly(records, IMAGES)]
    caption = (
        'What the segmentor predicts; below it the classes of the image. '
        f'{counted(len(columns), "image")} at equal distances from {work.data_of(SEGMENTED)}.'
    )
    figure = draw_named_sheet(columns, work.dataset(SEGMENTED).class_names)
    return [sheet_picture(figure, 'Sheet of segmentations', caption)]


def _prediction_of(work: WorkDir, record: dict, folder: Path) -> SheetColumn:
    mask = read_mask(file_of(folder, record['image_id'], '.png'))
    made = {'prediction': mask}
    image, name = work.dataset(SEGMENTED).read_image(record), record['image_id']
    column = load_column(image, 0, '', {}, true_mask(record), made=made, name=name)
    return replace(column, class_name=', '.join(record['label_names']))
