"""The ratio of the threshold (the paper's figure 5), and the tables of all ablations."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from qaclims_mm.errors import ConfigError
from qaclims_mm.report.blocks import Block, MissingError, Table
from qaclims_mm.report.plots import paint_spread, plot
from qaclims_mm.schemas.numbers.ablation_reading import read_results
from qaclims_mm.schemas.numbers.ablation_results import AblationResults
from qaclims_mm.visualization.ablation_tables import caption_of, cells_of, failures_of

OMEGA = 'omega'
PAPERS_POINT = (
    "Of the paper's figure 5 one point is known in numbers, 67.3 at 0.1 on VOC train; "
    'it is not drawn.'
)


def read_ablations(folder: str | Path) -> dict[str, AblationResults]:
    """Return {suite: results} of a folder that ``qaclims ablate`` fills.

    Raises:
        FormatError: If one of its JSON files is something else.
        ConfigError: If rows of the suite of thresholds have other names.
    """
    found = (read_results(p) for p in sorted(Path(folder).glob('*.json')))
    return {results.suite: results for results in found}


def titles_of(ablations: Mapping[str, AblationResults]) -> dict[str, str]:
    """Return {stage of the maps: title} of all rows of ablations."""
    return {
        row.folder: f'{row.title} ({results.suite})'
        for results in ablations.values()
        for row in results.rows
    }


def omega_blocks(ablations: Mapping[str, AblationResults], folder: str | Path) -> list[Block]:
    """Return the curve of the paper's figure 5.

    Raises:
        MissingError: If the suite has not been run.
    """
    results = ablations.get(OMEGA)
    points = _points(results) if results else []
    if not results or not points:
        raise MissingError(
            f'{Path(folder) / "omega.json"} is not there, or has no number; seven trainings a seed '
            'make it:',
            _command(OMEGA, folder),
        )
    metric = next(iter(results.columns))
    seeds = ', '.join(str(s) for s in results.seeds)
    caption = (
        f'{results.title}: {results.columns[metric]} of {results.config}, mean and standard '
        f'deviation over the seeds {seeds}. {PAPERS_POINT}'
    )
    x, means, spreads = zip(*points, strict=True)
    picture = plot(
        partial(paint_spread, x=x, means=means, spreads=spreads),
        "omega, share of a map's peak",
        'mIoU, %',
        'mIoU over omega with its spread',
        caption,
    )
    return [picture]


def _command(suite: str, folder: str | Path) -> str:
    """Return what runs a suite whose results such a folder gets."""
    where = f'--plan PLAN --work-dir {shlex.quote(str(Path(folder).parent))}'
    return f'qaclims ablate {suite} --seeds 0 1 2 3 4 {where}'


def _points(results: AblationResults) -> list[tuple[float, float, float | None]]:
    """Return omega, mean and standard deviation of the rows that have a number."""
    metric = next(iter(results.columns))
    found = []
    for name, summary in results.summaries(metric).items():
        if summary is not None:
            found.append((_omega_of(name), summary.mean, summary.sd))
    return sorted(found, key=lambda point: point[0])


def _omega_of(name: str) -> float:
    try:
        return float(name)
    except ValueError as error:
        raise ConfigError(
            f'the rows of suite {OMEGA} must be named by their omega, but one is {name!r}; '
            'give the suite another name.'
        ) from error


def ablation_blocks(ablations: Mapping[str, AblationResults], folder: str | Path) -> list[Block]:
    """Return a table for each suite.

    Raises:
        MissingError: If none has been run.
    """
    if not ablations:
        raise MissingError(
            f'{folder} has no result of an ablation; a suite is run by',
            _command('table4_losses', folder),
        )
    return [_table(results) for results in ablations.values()]


def _table(results: AblationResults) -> Table:
    head, rows = cells_of(results)
    caption = ' '.join([caption_of(results), *failures_of(results)])
    return Table(_with_units(head, results.columns.values()), rows, caption, results.title)


def _with_units(head: Sequence[str], metrics: Iterable[str]) -> list[str]:
    percent = {*metrics, 'paper'}
    head = ['row', *head[1:-1], 'seeds, done of all']
    return [
        f'{title}, %' if title in percent else title.replace(' [95 %]', ' [95 %], points')
        for title in head
    ]
