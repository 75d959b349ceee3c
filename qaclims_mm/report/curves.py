"""Losses over steps, and mIoU over thresholds."""

from functools import partial

import numpy as np

from qaclims_mm.report.blocks import Block, Gallery, MissingError, Picture
from qaclims_mm.report.plots import MAX_LINES, paint_lines, plot
from qaclims_mm.report.titles import TITLES, Titles, in_order
from qaclims_mm.report.work_dir import WorkDir
from qaclims_mm.schemas.work_dir import CURVE


def loss_blocks(work: WorkDir, titles: Titles) -> list[Block]:
    """Return losses, and mIoU where it was measured, of every training over its steps.

    Raises:
        MissingError: If no training has logged anything.
    """
    found = {f: _curves_of(titles.of(f), work.scalars(f)) for f in in_order(work.folders)}
    # those of ablations, which are many, are looked at one by one
    own = [p for folder, pictures in found.items() if folder in TITLES for p in pictures]
    others = [p for folder, pictures in found.items() if folder not in TITLES for p in pictures]
    if not own and not others:
        raise MissingError(
            f'No training has logged a loss: there is no scalars.json below {work.root}; run',
            work.command(),
        )
    galleries = (Gallery(own), Gallery(others, 'Further trainings'))
    return [gallery for gallery in galleries if gallery.pictures]


def _curves_of(title: str, entries: list[dict[str, float]]) -> list[Picture]:
    """Return the plots of one training; none of a run that logged nothing."""
    found = []
    for what, y, chosen in (
        ('losses', 'loss, weighted', lambda key: 'loss' in key),
        ('mIoU', 'mIoU, %', lambda key: key.endswith('mIoU')),
    ):
        keys = dict.fromkeys(k for entry in entries for k in entry if chosen(k))
        if len(keys) == 2:
            # the sum of one loss is that loss
            keys.pop('loss', None)
        lines = {
            key: tuple(np.array([(e['step'], e[key]) for e in entries if key in e]).T)
            for key in list(keys)[:MAX_LINES]
        }
        if lines:
            caption = f'{title}: {what} as logged during the training.'
            picture = plot(
                partial(paint_lines, lines=lines), 'step', y, f'{what} of {title}', caption
            )
            found.append(picture)
    return found


def threshold_blocks(work: WorkDir, titles: Titles) -> list[Block]:
    """Return the mIoU of maps and masks at every threshold.

    Args:
        work: The work dir.
        titles: Titles of stages; rows of ablations, which have tables of their own, are left out.

    Raises:
        MissingError: If no stage has a curve.
    """
    stages = in_order(set(work.curves) - titles.variants)
    if not stages:
        raise work.unjudged(f'No maps have been judged: there is no {CURVE} below {work.root}')
    shown, lines, marks = stages[:MAX_LINES], {}, {}
    for stage in shown:
        curve, title = work.curves[stage], titles.of(stage)
        lines[title] = curve.thresholds, curve.miou
        marks[title] = float(curve.thresholds[curve.best]), float(curve.miou[curve.best])
    caption = (
        'mIoU of maps and masks over the threshold below which a pixel is background; the dots are '
        f'the best thresholds. Over {work.data_of(*shown)}.'
    )
    left = len(stages) - len(shown)
    caption += f' {left} more stages with a curve are not shown.' if left else ''
    picture = plot(
        partial(paint_lines, lines=lines, marks=marks),
        'threshold of the activation, 0 to 1',
        'mIoU, %',
        'mIoU over thresholds, a line for each method',
        caption,
        size=(5.2, 3.9),
    )
    return [picture]
