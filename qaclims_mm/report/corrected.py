"""Corrected masks: scores of all stages against them, and how far the segmentor has moved."""

from qaclims_mm.report.blocks import Block, Table, Text
from qaclims_mm.report.titles import Titles, in_order
from qaclims_mm.report.work_dir import WorkDir
from qaclims_mm.review.changes import (
    CHANGE_HEAD,
    SUMMARY_HEAD,
    change_rows,
    measure_change,
    summary_rows,
)
from qaclims_mm.review.corrected import corrected_ids
from qaclims_mm.review.scores import SCORE_HEAD, score_rows, score_stages
from qaclims_mm.schemas.names import counted


def corrected_blocks(work: WorkDir, titles: Titles) -> list[Block]:
    """Return scores against the corrected masks and the change of the segmentor.

    Args:
        work: The work dir.
        titles: Titles of stages.
    """
    ids = corrected_ids(work.root)
    blocks: list[Block] = []
    if ids:
        scores = score_stages(work.root)
        named = {stage: titles.of(stage) for stage in in_order(scores)}
        caption = (
            f'mIoU against the corrected masks of {counted(len(ids), "image")}, maps at the '
            'threshold that is best for them. People correct the images that need it most, so '
            'these scores may be lower than those of all images. A segmentor that was trained on '
            'the corrected masks has its score in a column of its own, which says nothing about '
            'new images.'
        )
        blocks.append(Table(SCORE_HEAD, score_rows(scores, named), caption))
    change = measure_change(work.root, ids)
    if change is None:
        text = 'How far the segmentor has moved is not known: it was not trained before and after.'
        return [*blocks, Text(text, muted=True)]
    caption = (
        'The segmentor before and after masks were corrected. IoU is that of its old and its new '
        'predictions, a mean over the classes; 100 means that nothing changed.'
    )
    blocks.append(Table(SUMMARY_HEAD, summary_rows(change), caption))
    if rows := change_rows(change):
        number = change.corrected.images + change.others.images
        caption = (
            f'How much of {counted(number, "image")} each class covers, before and now, and the '
            'IoU of the old and the new predictions. The class that changed most stands first.'
        )
        blocks.append(Table(CHANGE_HEAD, rows, caption))
    return blocks
