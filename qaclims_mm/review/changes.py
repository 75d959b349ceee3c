"""How far a segmentor has moved since masks were corrected.

Before the segmentor is trained again, its predictions of the corrected images and of a sample of
the others are kept in ``review/before``, as links that cost no disk. Afterwards they are compared
with the new predictions.
"""

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
from qaclims_mm.schemas.names import counted
from qaclims_mm.schemas.stage_folder import StageFolder
from qaclims_mm.schemas.work_dir import CORRECTED, PREDICTIONS, REVIEW

# of the images that nobody has corrected
SAMPLE = 500
BEFORE = f'{REVIEW}/before'
_ORIGIN = 'before.json'
# the last column of both tables compares the old with the new predictions
SUMMARY_HEAD = ('segmentor', 'before, %', 'now, %', 'IoU, %')
CHANGE_HEAD = ('class', 'area before, %', 'area now, %', 'IoU, %')


@dataclass(frozen=True)
class Change:
    """The difference between two segmentors.

    Attributes:
        classes: Class names without the background.
        metrics: {metric: (old value, new value)} of the segmentor's test.
        corrected: Old against new predictions of the corrected images.
        others: Old against new predictions of the other images.
        old_errors: Old predictions against the corrected masks.
        new_errors: New predictions against the corrected masks.
    """

    classes: Sequence[str]
    metrics: Mapping[str, tuple[float, float]]
    corrected: Overlap = field(default_factory=Overlap)
    others: Overlap = field(default_factory=Overlap)
    old_errors: Overlap = field(default_factory=Overlap)
    new_errors: Overlap = field(default_factory=Overlap)


def keep_predictions(root: Path, corrected: Iterable[str], classes: Sequence[str]) -> bool:
    """Keep predictions of the segmentor before it is trained again; tells whether it has some.

    What was kept earlier stays if the segmentor's test is not done, or if the segmentor is of other
    classes, see ``drop_predictions``.

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
    before = _read_origin(root)
    if (
        before.get('segmentor') == origin
        and before['classes'] != [*classes][: len(before['classes'])]
    ):
        return True
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
    _write_origin(new, origin, root, classes)
    shutil.rmtree(root / BEFORE, ignore_errors=True)
    new.rename(root / BEFORE)
    return True


def drop_predictions(root: Path, classes: Sequence[str]) -> None:
    """Keep of the segmentor its test metrics alone, since the classes have changed.

    Args:
        root: Work dir.
        classes: Class names without the background that number the segmentor's predictions.
    """
    shutil.rmtree(root / BEFORE, ignore_errors=True)
    with contextlib.suppress(FormatError):
        _write_origin(root / BEFORE, StageFolder(root / SEGMENTED).manifest_hash(), root, classes)


def _write_origin(folder: Path, segmentor: str, root: Path, classes: Sequence[str]) -> None:
    values = dict(segmentor=segmentor, metrics=_metrics_of(root), classes=list(classes))
    write_json(folder / _ORIGIN, values)


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
        corrected: Images whose masks are corrected; they lie in the work dir.

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
    change = Change(origin['classes'], moved)
    mine = {*corrected}
    for path in sorted(before.rglob('*.png')):
        image_id = image_id_of(path, before)
        if not file_of(after, image_id, '.png').is_file():
            continue
        old, new = read_mask(path), read_mask(file_of(after, image_id, '.png'))
        if image_id in mine:
            truth = read_mask(file_of(root / CORRECTED, image_id, '.png'))
            change.corrected.add(old, new)
            change.old_errors.add(old, truth)
            change.new_errors.add(new, truth)
        else:
            change.others.add(old, new)
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
    """Return a row for each group of images and for each metric, see ``SUMMARY_HEAD``."""
    rows = [
        [f'{name} of the test', f'{old:.1f}', f'{new:.1f}', '']
        for name, (old, new) in change.metrics.items()
    ]
    if change.corrected.images:
        scores = [f'{part.mean_iou():.1f}' for part in (change.old_errors, change.new_errors)]
        number = counted(change.corrected.images, 'corrected image')
        name = f'mIoU on the {number}, which it now trains on'
        rows.append([name, *scores, f'{change.corrected.mean_iou():.1f}'])
    if change.others.images:
        name = counted(change.others.images, 'other image')
        rows.append([name, '', '', f'{change.others.mean_iou():.1f}'])
    return rows


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
