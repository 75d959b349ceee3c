"""The table that ends a run."""

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from qaclims_mm.console import Table, styled

# points of mIoU within which a number counts as the paper's
CLOSE = 0.5
# columns of a number such as 100.0
_NUMBER = 5


def metrics_table(
    metrics: Mapping[str, Mapping[str, Any]],
    rows: Mapping[str, str],
    columns: Mapping[str, str],
    paper: Mapping[str, tuple[str, float]] | None = None,
) -> Table:
    """Return a table of chosen numbers.

    Args:
        metrics: {stage: {metric: value}}.
        rows: {stage: its title}; a stage that has not run is left out.
        columns: {metric: its title}; what a stage lacks is left empty.
        paper: {stage: (metric, its value in a paper)}; two more columns have that value and how far
            the measured one is from it, green within ``CLOSE`` and red elsewhere.
    """
    table = Table()
    table.add_column('')
    for title in columns.values():
        table.add_column(title, justify='right', min_width=_NUMBER)
    shown = [stage for stage in rows if stage in metrics]
    compared = paper or {}
    if has_paper := any(stage in compared for stage in shown):
        table.add_column("the paper's", justify='right')
        table.add_column('difference', justify='right')
    for stage in shown:
        found = metrics[stage]
        cells: list[str | Text] = [f'{found[m]:.1f}' if m in found else '' for m in columns]
        if has_paper:
            cells += _compared(found, columns, *compared.get(stage, ('', 0.0)))
        table.add_row(rows[stage], *cells)
    return table


def _compared(
    found: Mapping[str, Any], columns: Mapping[str, str], metric: str, value: float
) -> tuple[str | Text, str | Text]:
    """Return a paper's number, with the column that it belongs to, and the distance from it."""
    if not metric:
        return '', ''
    number = f'{value:.1f} ({columns.get(metric, metric)})'
    if metric not in found:
        return number, ''
    # of the numbers as they are printed
    difference = round(round(found[metric], 1) - value, 1)
    close = abs(difference) <= CLOSE
    text = f'{difference:+.1f} {"within" if close else "beyond"} {CLOSE}'
    return number, styled((text, 'green' if close else 'red'))
