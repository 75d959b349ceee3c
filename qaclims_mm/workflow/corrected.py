"""Corrected masks of a plan: which stage trains on them, and for which images."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qaclims_mm.console import Table
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
from qaclims_mm.review.renumbering import renumber
from qaclims_mm.review.scores import SCORE_HEAD, score_rows
from qaclims_mm.review.sources import SEGMENTED
from qaclims_mm.review.taking import TakenIn, forget, take_in
from qaclims_mm.schemas.corrected import numbering_of
from qaclims_mm.schemas.former_names import former_names
from qaclims_mm.schemas.names import counted
from qaclims_mm.schemas.work_dir import CORRECTED, LOGS
from qaclims_mm.workflow.locks import hold
from qaclims_mm.workflow.plans import Plan

# classes in the table of changes
_ROWS = 20


@dataclass(frozen=True)
class _Trained:
    """On what a segmentor is trained whose masks may be corrected.

    Attributes:
        dataset: Its data set.
        oriented: Whether the images are turned.
        former: {other name: class}.
    """

    dataset: ImageLevelDataset
    oriented: bool
    former: Mapping[str, str]


def bring_in(plan: Plan, source: str, base: Path, dry_run: bool = False) -> TakenIn:
    """Take corrected masks into the work dir of a plan.

    Args:
        plan: The plan.
        source: Folder or file of corrected masks, or ``none``, which forgets all.
        base: Folder of all seeds; of one alone its work dir.
        dry_run: Whether masks are checked and counted alone, and nothing is written.

    Raises:
        ConfigError: If no stage trains on corrected masks, or there is no such source.
        DataError: If no mask can be used.
        StageError: If the work dir is in use.
    """
    with _held(base, dry_run):
        if source == FORGET:
            ids = corrected_ids(plan.root)
            return TakenIn(forgotten=len(ids)) if dry_run else forget(plan.root)
        found = _trained_on(plan)
        if found is None:
            raise ConfigError(
                f'no training of {plan.path} reads corrected masks. Give the LoadMask of its '
                "segmentor corrected=f'{_base_.root}/corrected'; a project of an earlier version "
                'is updated by qaclims init.'
            )
        paths = {r['image_id']: r['img_path'] for r in found.dataset.iterate_records()}
        sizes, classes = ImageSizes(paths, found.oriented), found.dataset.class_names
        return take_in(Path(source), plan.root, sizes, classes, found.former, dry_run)


def number_anew(plan: Plan, base: Path, dry_run: bool = False) -> list[str]:
    """Give the corrected masks of a work dir the values of the classes as they are now.

    Args:
        plan: The plan.
        base: Folder of all seeds; of one alone its work dir.
        dry_run: Whether nothing is written.

    Returns:
        What is done, in lines; none if the masks have the right values.

    Raises:
        FormatError: If a mask or the manifest is broken.
        StageError: If the work dir is in use.
    """
    if numbering_of(plan.root / CORRECTED) is None:
        return []
    with _held(base, dry_run):
        found = _trained_on(plan)
        if found is None:
            return []
        return renumber(plan.root, found.dataset.class_names, found.former, dry_run)


def _held(base: Path, dry_run: bool) -> AbstractContextManager[object]:
    """Hold the work dir, unless nothing is written."""
    return nullcontext() if dry_run else hold(base / LOGS / '.lock', str(base))


def _trained_on(plan: Plan) -> _Trained | None:
    """Return on what a segmentor is trained whose masks may be corrected, if there is one."""
    for stage in plan.stages:
        if stage.command == 'train' and stage.config is not None:
            config = read_config(
                stage.config, root=plan.root, labels=stage.labels
            ).train_dataloader.dataset
            steps = config.get('pipeline') or []
            if any(step.get('corrected') for step in steps):
                values: dict[str, Any] = config.to_dict() | dict(pipeline=[], test_mode=True)
                project = values.get('project')
                former = former_names(project) if project else {}
                oriented = bool(steps[0].get('oriented', False))
                return _Trained(DATASETS.build(values), oriented, former)
    return None


def describe(taken: TakenIn) -> str:
    """Return what became of corrected masks, in words."""
    if not taken.read:
        return counted(taken.forgotten, 'corrected mask', 'are forgotten')
    known = taken.read - taken.new - taken.changed
    text = (
        f'{counted(taken.read, "mask")} read: {taken.read - taken.confirmed} corrected, '
        f'{taken.confirmed} confirmed as a stage has made them. Of these, {taken.new} new, '
        f'{taken.changed} in place of earlier ones, {known} known before. The work dir has '
        f'{taken.total} in all'
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
