"""The table that ends a run."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table


def metrics_table(
    metrics: Mapping[str, Mapping[str, Any]], rows: Mapping[str, str], columns: Mapping[str, str]
) -> Table:
    """Return a table of chosen numbers.

    Args:
        metrics: {stage: {metric: value}}.
        rows: {stage: its title}; a stage that has not run is left out.
        columns: {metric: its title}; what a stage lacks is left empty.
    """
    table = Table()
    table.add_column('', no_wrap=True)
    for title in columns.values():
        table.add_column(title, justify='right')
    for stage, title in rows.items():
        if stage not in metrics:
            continue
        found = metrics[stage]
        table.add_row(title, *(f'{found[m]:.1f}' if m in found else '' for m in columns))
    return table
