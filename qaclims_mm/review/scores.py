"""Scores of stages against corrected masks, which are ground truth for their images."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from qaclims_mm.functional.evaluation import count_pixels, iou
from qaclims_mm.review.changes import is_trained_again
from qaclims_mm.review.corrected import corrected_ids
from qaclims_mm.review.counting import Overlap
from qaclims_mm.review.sources import SEGMENTED, MaskSource, mask_folders
from qaclims_mm.schemas import file_of, read_cams, read_mask, resize_mask
from qaclims_mm.schemas.work_dir import CAMS, CORRECTED

# the score of what has seen the masks in its training is called differently
SCORE, TRAINED_SCORE, IMAGES = 'corrected/mIoU', 'corrected/mIoU_training', 'corrected/images'
THRESHOLD = 'corrected/best_threshold'
SCORE_HEAD = ('stage', 'mIoU, %', 'trained on them, mIoU, %', 'images')
# of maps; those of CAMMetric
_THRESHOLDS = np.arange(1, 100) / 100


def score_stages(root: Path) -> dict[str, dict[str, float]]:
    """Return {stage: {metric: value}} of all stages that have masks of corrected images.

    The mIoU is a mean over the values that occur, in percent. Maps are scored at the threshold that
    is best for these images. ``corrected/mIoU_training`` is the score of a segmentor that was
    trained on these masks.

    Raises:
        FormatError: If a file is broken.
    """
    ids = corrected_ids(root)
    found: dict[str, dict[str, float]] = {}
    for source in mask_folders(root) if ids else ():
        own = [i for i in ids if source.path_of(i).is_file()]
        if not own:
            continue
        score = _score_maps if source.folder.name == CAMS else _score_masks
        is_trained = source.stage == SEGMENTED and is_trained_again(root)
        values = score(source, root / CORRECTED, own)
        if is_trained:
            values[TRAINED_SCORE] = values.pop(SCORE)
        found[source.stage] = values | {IMAGES: float(len(own))}
    return found


def _score_masks(source: MaskSource, truth: Path, ids: Sequence[str]) -> dict[str, float]:
    overlap = Overlap()
    for image_id in ids:
        overlap.add(
            read_mask(source.path_of(image_id)), read_mask(file_of(truth, image_id, '.png'))
        )
    return {SCORE: overlap.mean_iou()}


def _score_maps(source: MaskSource, truth: Path, ids: Sequence[str]) -> dict[str, float]:
    total = np.zeros((3, 1, len(_THRESHOLDS)), np.int64)
    for image_id in ids:
        maps = read_cams(source.path_of(image_id))
        mask = resize_mask(read_mask(file_of(truth, image_id, '.png')), maps.size)
        counts = count_pixels(maps.high_res, maps.class_indices, mask, _THRESHOLDS)
        number = max(int(counts.classes.max()) + 1, total.shape[1])
        total = np.pad(total, ((0, 0), (0, number - total.shape[1]), (0, 0)))
        total[0, counts.classes] += counts.tp
        total[1, counts.classes] += counts.pred
        total[2, counts.classes] += counts.gt[:, None]
    curve = 100 * np.nanmean(iou(total[0], total[1], total[2][:, 0]), axis=0)
    best = int(curve.argmax())
    return {SCORE: float(curve[best]), THRESHOLD: float(_THRESHOLDS[best])}


def score_rows(
    metrics: Mapping[str, Mapping[str, float]], titles: Mapping[str, str]
) -> list[list[str]]:
    """Return the rows of a table of scores against corrected masks, see ``SCORE_HEAD``.

    Args:
        metrics: {stage: {metric: value}}.
        titles: {stage: title}; these stages come first.
    """
    order = [*(s for s in titles if s in metrics), *(s for s in metrics if s not in titles)]
    return [
        [
            titles.get(stage, stage),
            *(_percent(metrics[stage].get(name)) for name in (SCORE, TRAINED_SCORE)),
            f'{metrics[stage][IMAGES]:.0f}',
        ]
        for stage in order
        if IMAGES in metrics[stage]
    ]


def _percent(value: float | None) -> str:
    return '' if value is None else f'{value:.1f}'
