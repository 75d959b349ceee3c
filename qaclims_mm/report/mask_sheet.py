"""A page with a picture of every mask, to be looked through by class and by score.

The page, its data and the pictures are files of their own, so that 10,000 images stay light: the
page shows a few pictures at once.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from qaclims_mm.engine.process_pool import run_in_processes, worthwhile_processes
from qaclims_mm.progress import track
from qaclims_mm.report.figures import replaced_folder
from qaclims_mm.report.mask_pictures import legend_of
from qaclims_mm.report.reviewing import Reviewing
from qaclims_mm.report.templates import own_file, render_template
from qaclims_mm.report.thumbnails import Thumbnail, Wanted, make_thumbnail
from qaclims_mm.review.findings import Reviewed
from qaclims_mm.schemas import atomic_path, drawn_name
from qaclims_mm.schemas.names import LONGEST_SHOWN, counted

# of a name that the page searches; a file name has 255 bytes at most, and its folders come before
LONGEST_NAME = 1000
PAGE, DATA, PICTURES = 'masks.html', 'masks.js', 'masks'
# images on the page, those to look at first: a minute of two cores and 85 MB, whatever the dataset
MOST_IMAGES = 10_000


class MaskSheet(NamedTuple):
    """What was written.

    Attributes:
        page: The HTML file.
        images: Number of images.
        ious: IoU with the ground truth of each image that has one, a mean over its classes.
    """

    page: Path
    images: int
    ious: Sequence[float]


def write_mask_sheet(folder: Path, review: Reviewing, title: str) -> MaskSheet:
    """Write the page, its data, and a picture of each mask into a folder, ``MOST_IMAGES`` at most.

    Args:
        folder: The folder. An earlier sheet in it is replaced.
        review: The ranking of the images, and where their masks are.
        title: Title of the page.
    """
    ranked = review.ranked[:MOST_IMAGES]
    records = {r['image_id']: r for r in review.dataset.iterate_records()}
    wanted = [
        Wanted(n, r.image_id, records[r.image_id]['img_path'], records[r.image_id]['seg_map_path'])
        for n, r in enumerate(ranked)
    ]
    drawn = _draw(folder / PICTURES, review, wanted)
    ious = [_mean(one.ious) for one in drawn if one.ious is not None]
    rows = [
        row_of(reviewed, records[reviewed.image_id]['class_indices'], thumbnail, bool(ious))
        for reviewed, thumbnail in zip(ranked, drawn, strict=True)
    ]
    values = {value for one in drawn for value in one.values}
    data = dict(
        classes=[drawn_name(name, LONGEST_SHOWN) for name in review.dataset.class_names],
        measure='IoU' if ious else 'agreement',
        folder=PICTURES,
        images=rows,
    )
    with atomic_path(folder / DATA) as temporary:
        # only ASCII: a script ends a line at more characters than JSON does
        temporary.write_text(f'const MASKS = {json.dumps(data)};\n', encoding='ascii')
    page = render_template(
        'masks.html.jinja',
        title=title,
        stage=f'{review.shown.name} ({review.shown.stage})',
        images=counted(len(rows), 'image'),
        left_out=len(review.ranked) - len(rows),
        warning=review.warning,
        legend=legend_of(values, review.dataset.class_names),
        data=DATA,
        script=own_file('masks.js'),
        has_truth=bool(ious),
    )
    with atomic_path(folder / PAGE) as temporary:
        temporary.write_text(page, encoding='utf-8')
    return MaskSheet(folder / PAGE, len(rows), ious)


def _draw(folder: Path, review: Reviewing, wanted: Sequence[Wanted]) -> list[Thumbnail]:
    """Draw all pictures, in the order of the images."""
    jobs = worthwhile_processes(len(wanted))
    with replaced_folder(folder) as temporary:
        draw = partial(
            make_thumbnail, folder=temporary, source=review.shown, read=review.dataset.reader
        )
        found = run_in_processes(draw, wanted, jobs, preload=[make_thumbnail.__module__])
        drawn = [*track(found, 'drawing masks', len(wanted))]
    return sorted(drawn, key=lambda one: one.number)


def row_of(
    reviewed: Reviewed, labels: Sequence[int], drawn: Thumbnail, has_truth: bool
) -> list[Any]:
    """Return what the page knows of an image.

    ``[name, picture, labels, score, reason, quality, {class index k: quality}]``. Quality is in
    percent: the IoU with the ground truth, or on a page without any the IoU of the masks of the
    stages, a mean over each two; ``None`` if there is nothing to compare.

    Args:
        reviewed: What was found.
        labels: Class indices k of the image.
        drawn: Its picture.
        has_truth: Whether some image of the page has ground truth; then no other measure counts.
    """
    if has_truth:
        ious, quality = drawn.ious or {}, None if drawn.ious is None else _mean(drawn.ious)
    else:
        ious, quality = _agreement(reviewed), reviewed.mean_agreement
    return [
        drawn_name(reviewed.image_id, LONGEST_NAME),
        drawn.file,
        [int(k) for k in labels],
        round(reviewed.score, 3),
        reviewed.reason,
        None if quality is None else round(100 * quality, 1),
        {int(k): round(100 * iou, 1) for k, iou in ious.items()},
    ]


def _agreement(reviewed: Reviewed) -> dict[int, float]:
    """Return {class index k: mean IoU over each two stages that have masks}."""
    keys = sorted({k for ious in reviewed.ious.values() for k in ious})
    return {
        k: float(np.mean([ious[k] for ious in reviewed.ious.values() if k in ious])) for k in keys
    }


def _mean(ious: Mapping[int, float]) -> float:
    """Return the mean over the classes; two masks without any class agree."""
    return float(np.mean([*ious.values()])) if ious else 1.0
