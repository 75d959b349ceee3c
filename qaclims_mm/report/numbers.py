"""All metrics of all stages, and what each stage cost."""

from collections.abc import Iterable, Mapping

from qaclims_mm.errors import EXIT_BAD_RECORDS
from qaclims_mm.report.blocks import Block, MissingError, Table, Tiles
from qaclims_mm.report.titles import Titles, in_order
from qaclims_mm.report.work_dir import MAPS, WorkDir
from qaclims_mm.schemas.names import counted

# {prefix of metrics: caption of their table}
GROUPS = {
    'cam': 'Activation maps, scored as masks: background where no map reaches a threshold, which '
    'is the one of the highest mIoU ("best") or a fixed one. False activation is the share of what '
    'is marked as a class and is not; under-activation the share of a class that is not marked.',
    'mask': 'Masks made from the maps, scored in the same way.',
    'seg': 'Segmentors, on their test set.',
}
# {metric without its prefix: title of its column}, in this order
COLUMNS = {
    'best mIoU': 'best mIoU, %',
    'mIoU': 'mIoU, %',
    'best_threshold': 'best threshold, 0 to 1',
    'false_activation': 'false activation, %',
    'under_activation': 'under-activation, %',
    'mIoU@': 'mIoU at {}, %',
    'false_activation@': 'false activation at {}, %',
    'under_activation@': 'under-activation at {}, %',
    'recognised': 'regions named right, %',
    'aAcc': 'pixels right, %',
    'mAcc': 'pixels right, mean over classes, %',
}
# {title of the tile: (stage, metric)}
TILES = {
    'CAM, best mIoU': ('cam_maps', 'cam/mIoU'),
    'QA-CLIMS, best mIoU': (MAPS, 'cam/mIoU'),
    'IRN masks, best mIoU': ('irn_masks', 'mask/mIoU'),
    'segmentor, mIoU': ('segment_test', 'seg/mIoU'),
}


def number_blocks(work: WorkDir, titles: Titles) -> list[Block]:
    """Return all numbers.

    Args:
        work: The work dir.
        titles: Titles of stages.
    """
    found = [(t, work.metrics.get(stage, {}).get(m)) for t, (stage, m) in TILES.items()]
    tiles = [(title, f'{value:.1f} %') for title, value in found if value is not None]
    blocks: list[Block] = [Tiles(tiles)] if tiles else []
    for group, caption in GROUPS.items():
        metrics = {stage: _of_group(values, group) for stage, values in work.metrics.items()}
        blocks += metric_tables(metrics, titles, caption)
    return blocks


def _of_group(values: Mapping[str, float], group: str) -> dict[str, float]:
    """Return the metrics of a group without its prefix."""
    found = {m.partition('/')[2]: v for m, v in values.items() if m.partition('/')[0] == group}
    # where there is a choice of thresholds
    if 'best_threshold' in found and 'mIoU' in found:
        found['best mIoU'] = found.pop('mIoU')
    return found


def _counts(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return {stage/what: {count: number}} of the metrics that judge nothing."""
    found: dict[str, dict[str, float]] = {}
    for stage, values in metrics.items():
        for metric, value in values.items():
            what, _, count = metric.rpartition('/')
            if what not in GROUPS:
                found.setdefault(f'{stage}/{what}', {})[count] = value
    return found


def metric_tables(
    metrics: Mapping[str, Mapping[str, float]], titles: Titles, caption: str
) -> list[Table]:
    """Return a table of the stages that have such metrics, or none.

    Args:
        metrics: {stage: {metric: value}}.
        titles: Titles of stages.
        caption: Of the table.
    """
    metrics = {stage: values for stage, values in metrics.items() if values}
    if not metrics:
        return []
    columns = _in_order({m for values in metrics.values() for m in values})
    rows = [
        [titles.of(stage), *(_shown(m, metrics[stage].get(m)) for m in columns)]
        for stage in in_order(metrics)
    ]
    return [Table(['stage', *(_title(m) for m in columns)], rows, caption)]


def _in_order(metrics: Iterable[str]) -> list[str]:
    known = list(COLUMNS)

    def place(metric: str) -> tuple[int, str]:
        name, at, _ = metric.partition('@')
        return (known.index(name + at) if name + at in known else len(known), metric)

    return sorted(metrics, key=place)


def _title(metric: str) -> str:
    name, at, threshold = metric.partition('@')
    # counts are named as their stage names them
    return COLUMNS.get(name + at, metric).format(threshold)


def _shown(metric: str, value: float | None) -> str:
    if value is None:
        return ''
    if metric == 'best_threshold':
        return f'{value:.2f}'
    return f'{value:.1f}' if metric.partition('@')[0] in COLUMNS else f'{value:g}'


def cost_blocks(work: WorkDir, titles: Titles) -> list[Block]:
    """Return what stages have written, and their time and memory, as far as they are known.

    Args:
        work: The work dir.
        titles: Titles of stages.

    Raises:
        MissingError: If neither is known.
    """
    tables: list[Block] = [
        *_cost_tables(work),
        *metric_tables(_counts(work.metrics), titles, 'Records that stages have written.'),
    ]
    if not tables:
        raise MissingError(f'{work.root} has no logs of its stages.')
    return tables


def _cost_tables(work: WorkDir) -> list[Table]:
    """Return a table of time and memory of the stages that ran; none if no log says it."""
    if not work.runs:
        return []
    rows = [
        [
            name,
            f'{run.seconds / 60:.1f}',
            f'{run.gigabytes:.2f}',
            f'{run.megabytes:.0f}',
            'some records left out' if run.status == EXIT_BAD_RECORDS else 'done',
        ]
        for name, run in ((n, work.runs[n]) for n in in_order(work.runs))
    ]
    minutes = sum(run.seconds for run in work.runs.values()) / 60
    caption = (
        f'What each stage cost, {counted(round(minutes), "minute")} in all; memory is that of all '
        'its processes at their peak, disk the size of the files that it has made.'
    )
    return [Table(['stage', 'time, minutes', 'memory, GB', 'disk, MB', 'end'], rows, caption)]
