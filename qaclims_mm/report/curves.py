"""Losses over steps, and mIoU over thresholds."""

from functools import partial

from qaclims_mm.report.blocks import Block, Gallery, MissingError, Picture, Text
from qaclims_mm.report.plots import (
    MAX_LINES,
    SMALL_PLOT,
    SMOOTHED_SHARE,
    paint_lines,
    paint_logged,
    plot,
)
from qaclims_mm.report.scalars import read_scalars
from qaclims_mm.report.titles import TITLES, Titles, in_order
from qaclims_mm.report.work_dir import WorkDir
from qaclims_mm.schemas.names import counted
from qaclims_mm.schemas.work_dir import CURVE


def loss_blocks(work: WorkDir, titles: Titles) -> list[Block]:
    """Return each loss, and mIoU where it was measured, of every training over its steps.

    Raises:
        MissingError: If no training has logged anything.
    """
    found = {
        f: _curves_of(titles.of(f), read_scalars(work.root / f)) for f in in_order(work.folders)
    }
    # those of ablations, which are many, are looked at one by one
    own = {titles.of(f): pictures for f, pictures in found.items() if f in TITLES and pictures}
    others = [p for folder, pictures in found.items() if folder not in TITLES for p in pictures]
    if not own and not others:
        raise MissingError(
            f'No training has logged a loss: there is no scalars.json below {work.root}; run',
            work.command(),
        )
    note = Text(
        'Losses as they were logged, after their weights, each on an axis of its own. A thick line '
        f'is the mean over {100 * SMOOTHED_SHARE:.0f} % of the training around a step.'
    )
    galleries: list[Block] = [Gallery(p, title, small=True) for title, p in own.items()]
    if others:
        galleries.append(Gallery(others, 'Further trainings', folded=True, small=True))
    return [note, *galleries]


def _curves_of(title: str, entries: list[dict[str, float]]) -> list[Picture]:
    """Return the plots of one training; none of a run that logged nothing."""
    found, entries = [], [entry for entry in entries if 'step' in entry]
    keys = dict.fromkeys(k for entry in entries for k in entry)
    losses = [key for key in keys if 'loss' in key]
    if len(losses) == 2:
        # the sum of one loss is that loss
        losses = [key for key in losses if key != 'loss']
    for key in (*losses, *(k for k in keys if k.endswith('mIoU'))):
        x, y = zip(*((e['step'], e[key]) for e in entries if key in e), strict=True)
        caption = f'{title}: {"sum of the losses" if key == "loss" else key}'
        name = key if 'loss' in key else f'{key}, %'
        paint = partial(paint_logged, title=name, x=x, y=y)
        found.append(plot(paint, 'step', '', caption, caption, size=SMALL_PLOT))
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
    caption += f' Not shown: {counted(left, "more stage")} with a curve.' if left else ''
    picture = plot(
        partial(paint_lines, lines=lines, marks=marks),
        'threshold of the activation, 0 to 1',
        'mIoU, %',
        'mIoU over thresholds by method',
        caption,
        size=(5.2, 3.9),
    )
    return [picture]
