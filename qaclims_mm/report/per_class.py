"""Bars for every class, the paper's figure 4."""

from functools import partial

import numpy as np

from qaclims_mm.report.blocks import Block
from qaclims_mm.report.plots import paint_groups, plot
from qaclims_mm.report.work_dir import MAPS, WorkDir
from qaclims_mm.schemas.numbers.curve import Curve
from qaclims_mm.schemas.work_dir import CURVE

BACKGROUND = 'background'
OURS, COMPARED = 'QA-CLIMS', 'CLIMS'
# {title: stage of its maps}
METHODS = {
    'CAM': 'cam_maps',
    COMPARED: 'clims_maps',
    'RITC without QAPE': 'ritc_maps',
    'answers about the background': 'table5_texts-bg_maps',
    OURS: MAPS,
}
CLASS_WIDTH, HEIGHT = 0.75, 3.6  # inches


def per_class_blocks(work: WorkDir) -> list[Block]:
    """Return the IoU of every class by several methods, each at its own best threshold.

    Raises:
        MissingError: If none of them has been judged.
    """
    folders = {title: folder for title, folder in METHODS.items() if folder in work.curves}
    if not folders:
        raise work.unjudged(f'No {CURVE} of CAM, CLIMS, RITC or QA-CLIMS is below {work.root}')
    curves = {title: work.curves[folder] for title, folder in folders.items()}
    names = sorted(
        {n for curve in curves.values() for n in curve.classes},
        key=lambda name: (name != BACKGROUND, name),
    )
    bars = {title: [_at_best(curve, name) for name in names] for title, curve in curves.items()}
    both = OURS in bars and COMPARED in bars
    notes = (
        [
            '' if np.isnan(difference) else f'{difference:+.1f}'
            for difference in np.subtract(bars[OURS], bars[COMPARED])
        ]
        if both
        else []
    )
    which = ', '.join(f'{title} ({folder})' for title, folder in folders.items())
    caption = (
        f'IoU of the maps of each class, each method at its own best threshold: {which}. '
        f'Over {work.data_of(*folders.values())}, {work.of_seed}.'
    )
    caption += f' Above the bars: {OURS} - {COMPARED}, in points.' if both else ''
    picture = plot(
        partial(paint_groups, names=names, bars=bars, notes=notes),
        'class',
        'IoU, %',
        'IoU of each class by method',
        caption,
        size=(max(1.4 + CLASS_WIDTH * len(names), 4.8), HEIGHT),
        wide=True,
    )
    return [picture]


def _at_best(curve: Curve, name: str) -> float:
    values = curve.classes.get(name)
    return np.nan if values is None else float(values[curve.best])
