"""Corrected masks of a plan: which stage trains on them, and for which images."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from qaclims_mm.datasets.image_level import ImageLevelDataset
from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import ConfigError
from qaclims_mm.registry import DATASETS
from qaclims_mm.review.changes import (
    CHANGE_HEAD,
    SUMMARY_HEAD,
    change_rows,
    measure_change,
    summary_rows,
)
from qaclims_mm.review.corrected import FORGET, corrected_ids
from qaclims_mm.review.images import ImageSizes
from qaclims_mm.review.scores import SCORE_HEAD, score_rows
from qaclims_mm.review.sources import SEGMENTED
from qaclims_mm.review.taking import TakenIn, forget, take_in
from qaclims_mm.schemas.work_dir import LOGS
from qaclims_mm.workflow.locks import hold
from qaclims_mm.workflow.plans import Plan

# classes in the table of changes
_ROWS = 20


def bring_in(plan: Plan, source: str, base: Path) -> TakenIn:
    """Take corrected masks into the work dir of a plan.

    Args:
        plan: The plan.
        source: Folder or file of corrected masks, or ``none``, which forgets all.
        base: Folder of all seeds; of one alone its work dir.

    Raises:
        ConfigError: If no stage trains on corrected masks, or there is no such source.
        DataError: If no mask can be used.
        StageError: If the work dir is in use.
    """
    with hold(base / LOGS / '.lock', str(base)):
        if source == FORGET:
            return forget(plan.root)
        dataset, oriented = _trained_on(plan)
        paths = {r['image_id']: r['img_path'] for r in dataset.iterate_records()}
        return take_in(Path(source), plan.root, ImageSizes(paths, oriented), dataset.class_names)


def _trained_on(plan: Plan) -> tuple[ImageLevelDataset, bool]:
    """Return the data set whose masks may be corrected, and whether its images are turned.

    Raises:
        ConfigError: If no stage trains on corrected masks.
    """
    for stage in plan.stages:
        if stage.command == 'train' and stage.config is not None:
            config = read_config(stage.config, root=plan.root).train_dataloader.dataset
            steps = config.get('pipeline') or []
            if any(step.get('corrected') for step in steps):
                values: dict[str, Any] = config.to_dict() | dict(pipeline=[], test_mode=True)
                return DATASETS.build(values), bool(steps[0].get('oriented', False))
    raise ConfigError(
        f'no training of {plan.path} reads corrected masks. Give the LoadMask of its segmentor '
        "corrected=f'{_base_.root}/corrected'; a project of an earlier version is updated by "
        'qaclims init.'
    )


def describe(taken: TakenIn) -> str:
    """Return what became of corrected masks, in words."""
    if not taken.read:
        return f'{taken.forgotten} corrected masks are forgotten'
    text = (
        f'corrected masks: {taken.read} read, {taken.new} new, {taken.changed} changed again, '
        f'{taken.confirmed} confirmed (as a stage has made them); {taken.total} in all'
    )
    if taken.confirmed == taken.read:
        text += '. Nothing was corrected: all that were read are masks of this work dir'
    elif not taken.new and not taken.changed:
        text += '. All were known, so nothing changes'
    return text


def corrected_tables(plan: Plan, metrics: Mapping[str, Mapping[str, float]]) -> list[Table]:
    """Return the scores against corrected masks and the change of the segmentor, as tables.

    Args:
        plan: The plan.
        metrics: {stage: {metric: value}} of its work dir.
    """
    tables = []
    # a project's own table has no row for it
    titles = plan.table['rows'] | {SEGMENTED: plan.table['rows'].get(SEGMENTED, 'the segmentor')}
    if scores := score_rows(metrics, titles):
        tables.append(_table('scores against the corrected masks', SCORE_HEAD, scores))
    change = measure_change(plan.root, corrected_ids(plan.root))
    if change is not None:
        title = 'the segmentor before and after masks were corrected'
        tables.append(_table(title, SUMMARY_HEAD, summary_rows(change)))
        if rows := change_rows(change)[:_ROWS]:
            tables.append(_table('the classes that changed most', CHANGE_HEAD, rows))
    return tables


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify='left')
    for number, name in enumerate(head):
        table.add_column(name, justify='right' if number else 'left')
    for row in rows:
        table.add_row(*row)
    return table
