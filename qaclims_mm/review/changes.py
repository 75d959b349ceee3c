"""How far a segmentor has moved since masks were corrected.

Before the segmentor is trained again, its predictions of the corrected images and of a sample of
the others are kept in ``review/before``, as links that cost no disk. Afterwards they are compared
with the new predictions.
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qaclims_mm.errors import FormatError
from qaclims_mm.review.counting import Overlap
from qaclims_mm.review.sources import SEGMENTED
from qaclims_mm.schemas import (
    METRICS,
    file_of,
    image_id_of,
    read_json,
    read_mask,
    read_metrics,
    temporary_path,
    write_json,
)
from qaclims_mm.schemas.files import is_table
from qaclims_mm.schemas.stage_folder import StageFolder
from qaclims_mm.schemas.work_dir import PREDICTIONS, REVIEW

# of the images that nobody has corrected
SAMPLE = 500
BEFORE = f'{REVIEW}/before'
_ORIGIN = 'before.json'
CHANGE_HEAD = ('class', 'area before, %', 'area now, %', 'IoU of before and now, %')


@dataclass(frozen=True)
class Change:
    """The difference between two segmentors.

    Attributes:
        classes: Class names without the background.
        corrected: Old against new predictions of the corrected images.
        others: Old against new predictions of the other images.
        metrics: {metric: (old value, new value)} of the segmentor's test.
    """

    classes: Sequence[str]
    corrected: Overlap
    others: Overlap
    metrics: dict[str, tuple[float, float]]


def keep_predictions(root: Path, corrected: Iterable[str], classes: Sequence[str]) -> bool:
    """Keep predictions of the segmentor before it is trained again; tells whether it has some.

    What was kept earlier stays if the segmentor's test is not done.

    Args:
        root: Work dir.
        corrected: Images whose masks are corrected; all of them are kept.
        classes: Class names without the background.
    """
    stage = StageFolder(root / SEGMENTED)
    try:
        origin = stage.manifest_hash()
    except FormatError:
        return False
    made = stage.path / PREDICTIONS
    ids = sorted(image_id_of(p, made) for p in made.rglob('*.png'))
    wanted = {*corrected}
    others = [i for i in ids if i not in wanted]
    places = np.linspace(0, len(others) - 1, min(SAMPLE, len(others))).astype(int)
    kept = [i for i in ids if i in wanted] + [others[i] for i in places]
    new = temporary_path(root / BEFORE)
    shutil.rmtree(new, ignore_errors=True)
    for image_id in kept:
        target = file_of(new, image_id, '.png')
        target.parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(str(file_of(made, image_id, '.png')), str(target))
    values = dict(segmentor=origin, metrics=_metrics_of(root), classes=list(classes))
    write_json(new / _ORIGIN, values)
    shutil.rmtree(root / BEFORE, ignore_errors=True)
    new.rename(root / BEFORE)
    return True


def is_trained_again(root: Path) -> bool:
    """Tell whether the segmentor has been trained since its predictions were kept."""
    try:
        now = StageFolder(root / SEGMENTED).manifest_hash()
    except FormatError:
        return False
    before = _read_origin(root)
    return bool(before) and before['segmentor'] != now


def _read_origin(root: Path) -> dict[str, Any]:
    """Return of which segmentor predictions were kept, {} if none were or the file is broken."""
    path = root / BEFORE / _ORIGIN
    try:
        found = read_json(path) if path.is_file() else {}
    except FormatError:
        return {}
    is_right = (
        is_table(found, object)
        and isinstance(found.get('segmentor'), str)
        and is_table(found.get('metrics'), (int, float))
        and isinstance(found.get('classes'), list)
        and all(isinstance(name, str) for name in found['classes'])
    )
    return found if is_right else {}


def measure_change(root: Path, corrected: Sequence[str]) -> Change | None:
    """Compare the segmentor with the one before masks were corrected.

    Args:
        root: Work dir.
        corrected: Images whose masks are corrected.

    Returns:
        The change; ``None`` if there was no segmentor before, or it was not trained again.

    Raises:
        FormatError: If a mask is broken.
    """
    if not is_trained_again(root):
        return None
    before, after, origin = root / BEFORE, root / SEGMENTED / PREDICTIONS, _read_origin(root)
    new_metrics = _metrics_of(root)
    moved = {
        name: (float(old), new_metrics[name])
        for name, old in origin['metrics'].items()
        if name.startswith('seg/') and name in new_metrics
    }
    change = Change(origin['classes'], Overlap(), Overlap(), moved)
    mine = {*corrected}
    for path in sorted(before.rglob('*.png')):
        image_id = image_id_of(path, before)
        new = file_of(after, image_id, '.png')
        if new.is_file():
            overlap = change.corrected if image_id in mine else change.others
            overlap.add(read_mask(path), read_mask(new))
    return change


def change_rows(change: Change) -> list[list[str]]:
    """Return a row for each class, see ``CHANGE_HEAD``; the class that changed most comes first."""
    total = change.corrected.merged(change.others)
    pixels = max(1, int(total.first.sum()))
    names = ['background', *change.classes]
    found = sorted(total.ious().items(), key=lambda item: (item[1], item[0]))
    return [
        [
            names[value] if value < len(names) else f'value {value}',
            f'{100 * total.first[value] / pixels:.1f}',
            f'{100 * total.second[value] / pixels:.1f}',
            f'{100 * iou:.1f}',
        ]
        for value, iou in found
    ]


def summary_rows(change: Change) -> list[list[str]]:
    """Return a row for the corrected images, one for the others, and one for each metric."""
    parts = {'corrected images': change.corrected, 'other images': change.others}
    rows = [
        [f'{name} ({part.images}), mean', '', '', f'{part.mean_iou():.1f}']
        for name, part in parts.items()
        if part.images
    ]
    return rows + [
        [f'{name} of the test', f'{old:.1f}', f'{new:.1f}', '']
        for name, (old, new) in change.metrics.items()
    ]


def _metrics_of(root: Path) -> dict[str, float]:
    path = root / SEGMENTED / METRICS
    try:
        return read_metrics(path).get(SEGMENTED, {}) if path.is_file() else {}
    except FormatError:
        return {}


def link_or_copy(source: str, target: str) -> None:
    """Link a file, or copy it where the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
